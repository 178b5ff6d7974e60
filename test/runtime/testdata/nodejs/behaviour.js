// The functions of the runtime contract suite, one per behaviour.
'use strict';

const fs = require('fs');

class CustomError extends Error {
  constructor(message) {
    super(message);
    this.name = 'CustomError';
  }
}

let count = 0;

exports.echo = async (event) => event;

exports.counter = async () => ++count;

exports.context = async (event, context) => ({
  requestId: context.awsRequestId,
  arn: context.invokedFunctionArn,
  name: context.functionName,
  version: context.functionVersion,
  memory: Number(context.memoryLimitInMB),
  group: context.logGroupName,
  stream: context.logStreamName,
  remaining: context.getRemainingTimeInMillis(),
  trace: process.env._X_AMZN_TRACE_ID || '',
  custom: context.clientContext ? context.clientContext.custom : null,
});

exports.environment = async () => ({ ...process.env });

exports.error = async () => {
  throw new CustomError('it broke: ü');
};

exports.crash = async () => {
  process.stdout.write('before the crash\n');
  process.reallyExit(3);
};

exports.exit = async () => {
  process.stdout.write('before the exit\n');
  process.exit(1);
};

exports.big = async (n) => 'x'.repeat(n);

exports.lines = async (n) => {
  for (let i = 0; i < n; i++) {
    process.stdout.write(`line ${i}\n`);
  }
};

exports.no_newline = async () => {
  process.stdout.write('one\ntwo');
};

exports.binary = async () => {
  process.stdout.write(Buffer.from([0xff, 0, 0xfe, 10]));
};

exports.child = async () =>
  require('child_process').spawnSync('sh', ['-c', 'echo from the child; exit 5'], { stdio: 'inherit' }).status;

exports.sleep = async () => {
  process.stdout.write('going to sleep\n');
  await new Promise((resolve) => setTimeout(resolve, 60000));
};

exports.files = async () => {
  let code = 'writable';
  try {
    fs.writeFileSync(`${process.env.LAMBDA_TASK_ROOT}/written`, '');
  } catch {
    code = 'read-only';
  }
  fs.writeFileSync('/tmp/x', 'y');
  fs.unlinkSync('/tmp/x');
  return { code, cwd: process.cwd() === fs.realpathSync(process.env.LAMBDA_TASK_ROOT) };
};

exports.stream = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain');
  stream.write('one ');
  await new Promise((resolve) => setTimeout(resolve, 20));
  stream.end('two');
});

exports.stream_late_error = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('part');
  await new Promise((resolve) => setTimeout(resolve, 20));
  throw new CustomError('too late');
});

const ran = [];

exports.ran_so_far = async () => ran;

exports.initialize = (context) => {
  ran.push(`initializer of ${context.functionName} with ${context.getRemainingTimeInMillis() > 1000 ? 'time' : 'no time'}`);
};

exports.pre_freeze = async () => {
  process.stdout.write('freezing\n');
  ran.push('pre-freeze');
};

exports.pre_stop = async () => {
  throw new CustomError('it broke: ü');
};

exports.hang = () => new Promise(() => {});

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let present = 0;

// Waits until as many are here as the event says.
exports.meet = async (event, context) => {
  process.stdout.write(`${context.awsRequestId} has `);
  present++;
  while (present < event) {
    await pause(1);
  }
  process.stdout.write('come\n');
  console.warn('of %s', context.awsRequestId);
  process.stdout.write(`${context.awsRequestId} leaves`);
  return { id: context.awsRequestId, remaining: context.getRemainingTimeInMillis() };
};

// The same with callbacks.
exports.meet_callbacks = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = true; // says nothing among several
  const forever = setInterval(() => {}, 1000);
  process.stdout.write(`${context.awsRequestId} has `);
  present++;
  const look = () => {
    if (present < event) {
      setTimeout(look, 1);
      return;
    }
    process.stdout.write('come\n');
    console.warn('of %s', context.awsRequestId);
    process.stdout.write(`${context.awsRequestId} leaves`);
    callback(null, { id: context.awsRequestId, remaining: context.getRemainingTimeInMillis() });
    setTimeout(() => clearInterval(forever), 100);
  };
  look();
};

// Sleeps, fails or answers, as it is told.
exports.perhaps = async (event) => {
  switch (event) {
    case 'fail':
      throw new CustomError('it broke: ü');
    case 'exit':
      return process.exit(1);
    case 'uncaught':
      setTimeout(() => {
        throw new CustomError('nobody caught it');
      }, 1);
      return new Promise(() => {});
    case 'sleep':
      console.log('going to sleep');
      return pause(60000);
    default:
      return event;
  }
};

exports.stream_much = awslambda.streamifyResponse(async (event, stream) => {
  for (let i = 0; i < event; i++) {
    if (!stream.write(Buffer.alloc(100000, i % 10 + 48))) {
      await new Promise((resolve) => stream.once('drain', resolve));
    }
  }
  stream.end();
});
