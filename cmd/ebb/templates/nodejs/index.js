'use strict';

// A function: handler(event, context) is called once per invocation.
exports.handler = async (event, context) => {
  // event is the JSON that came in; what is returned goes out as JSON.
  const name = event.name ?? 'world';
  console.log(`greeting ${name}, ${context.getRemainingTimeInMillis()} ms left`);
  return { message: `Hello, ${name}!` };
};
