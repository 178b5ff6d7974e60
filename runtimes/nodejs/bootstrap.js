// What a Node.js function's process runs: it speaks the framed protocol
// (docs/runtime-api.md) on file descriptor 3 and calls the handler.
//
// The process starts generic. Everything about the function comes in the init
// frame, so that a process can wait, already started, for whichever version
// needs one.
'use strict';

const { Channel, TYPE, readUInt32 } = require('./channel.js');
const { Instance } = require('./instance.js');

const channel = new Channel(3);
const instance = new Instance(channel);

channel.onFrame = (type, stream, buf, head, payload, end) => {
  switch (type) {
    case TYPE.INVOKE:
      instance.invoke(stream, buf.latin1Slice(head, payload), buf, head, payload, end);
      break;
    case TYPE.WINDOW:
      instance.granted(stream, readUInt32(buf, payload));
      break;
    case TYPE.INIT:
      instance.init(JSON.parse(buf.utf8Slice(payload, end)));
      break;
    case TYPE.HOOK:
      instance.hook(...buf.latin1Slice(head, payload).split('\n'));
      break;
    case TYPE.PING:
      ping();
      break;
    case TYPE.STOP:
      process.exit(0);
      break;
    default:
      throw new Error(`frame of type ${type}`);
  }
};

// ping: who asks a process that waits is in no hurry, and wants one that is warm.
// What goes wrong with that will be told when a function needs it.
function ping() {
  const pong = () => channel.send(TYPE.PONG, 0, 0, '', '');
  if (instance.handler === null) {
    require('./rehearsal.js').rehearse().then(pong, pong);
  } else {
    pong();
  }
}

channel.onEnd = () => process.exit(1); // the platform is gone

process.on('uncaughtException', (err) => instance.crash(err, 129));
process.on('unhandledRejection', (reason, promise) => instance.rejection(reason, promise));
process.on('beforeExit', () => instance.loopIsEmpty());
process.on('exit', () => instance.exiting());
