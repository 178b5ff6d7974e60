'use strict';

// Says hello: to an invocation with {"name": …}, and to a browser on its URL.
exports.handler = async (event, context) => {
  const name = event.name ?? event.queryStringParameters?.name ?? 'world';
  console.log('saying hello to', name); // goes to the function's log
  const answer = {
    message: `Hello, ${name}, from Node.js!`,
    function: context.functionName,
    requestId: context.awsRequestId,
  };
  if (event.requestContext) { // came through the function URL
    return {
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(answer),
    };
  }
  return answer;
};
