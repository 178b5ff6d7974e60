// Answers that are sent while they are written: awslambda.streamifyResponse.
'use strict';

const { Writable } = require('stream');
const { TYPE } = require('./channel.js');
const errors = require('./errors.js');

const MARK = Symbol.for('aws.lambda.runtime.handler.streaming');
const HTTP = 'application/vnd.awslambda.http-integration-response';

// ResponseStream is the writable that a streaming handler gets.
class ResponseStream extends Writable {
  constructor(call) {
    super({ highWaterMark: 64 * 1024 });
    this.call = call;
    this.began = false;
    this.ahead = 0; // bytes sent that the platform has not asked to be followed
    this.waiting = null; // what goes on when it does
    call.granted = (n) => this.granted(n);
    this.contentType = 'application/octet-stream';
    this.prelude = null;
  }

  setContentType(type) {
    this.contentType = type;
  }

  _write(chunk, encoding, callback) {
    const { instance } = this.call;
    if (!this.call.open) {
      callback(new Error('the invocation is over'));
      return;
    }
    let head = '';
    if (!this.began) {
      this.began = true;
      head = this.contentType;
      if (this.prelude !== null) {
        chunk = Buffer.concat([this.prelude, chunk]);
      }
    }
    instance.output.flush(this.call);
    this.send(head, chunk, 0, callback);
  }

  // send sends chunk from at on, as far as the window allows, and the rest when
  // it is wider.
  send(head, chunk, at, callback) {
    const { instance, stream } = this.call;
    const end = Math.min(chunk.length, at + instance.window - this.ahead);
    if (end === chunk.length) {
      this.ahead += end - at;
      instance.channel.sendBytes(TYPE.CHUNK, 0, stream, head, at === 0 ? chunk : chunk.subarray(at), callback);
      return;
    }
    if (end > at) {
      this.ahead += end - at;
      instance.channel.sendBytes(TYPE.CHUNK, 0, stream, head, chunk.subarray(at, end));
      head = '';
    }
    this.waiting = () => this.send(head, chunk, end, callback);
    instance.awaitWindow(1); // nothing else may be left to do
  }

  // giveUp: nothing more will be sent.
  giveUp() {
    if (this.waiting !== null) {
      this.waiting = null;
      this.call.instance.awaitWindow(-1);
    }
  }

  granted(n) {
    this.ahead -= n;
    const { waiting } = this;
    if (waiting !== null) {
      this.waiting = null;
      this.call.instance.awaitWindow(-1);
      waiting();
    }
  }

  _final(callback) {
    if (this.began || this.call.open === false) {
      callback();
    } else {
      this._write(Buffer.alloc(0), 'buffer', callback);
    }
  }
}

const HttpResponseStream = {
  // from makes the stream an HTTP answer: status, headers and cookies go ahead
  // of the body, with eight zero bytes between.
  from(stream, prelude) {
    stream.setContentType(HTTP);
    stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
    return stream;
  },
};

function install() {
  globalThis.awslambda = {
    streamifyResponse(handler) {
      handler[MARK] = 'response';
      return handler;
    },
    HttpResponseStream,
  };
}

function isStreaming(handler) {
  return handler[MARK] === 'response';
}

// run calls a streaming handler and answers when both the handler is done and
// its stream is finished.
function run(handler, event, context, call) {
  const stream = new ResponseStream(call);
  stream.on('error', (err) => abort(call, stream, err));
  stream.on('finish', () => {
    if (call.open) {
      call.instance.settle(call);
      call.instance.channel.sendBytes(TYPE.END, 0, call.stream, '', Buffer.alloc(0));
    }
  });
  context.callbackWaitsForEmptyEventLoop = false;
  call.finish = () => stream.end(); // the loop is empty, and the handler forgot to
  Promise.resolve(handler(event, stream, context)).then(
    () => {
      if (!stream.writableEnded) {
        stream.end();
      }
    },
    (err) => abort(call, stream, err),
  );
}

// abort ends the answer with an error: the whole answer if nothing was sent yet,
// else a late one.
function abort(call, stream, err) {
  stream.giveUp();
  if (!call.open) {
    return;
  }
  if (!stream.began) {
    call.respondError(err);
    return;
  }
  call.instance.logError('Invoke Error ', err, call);
  call.instance.settle(call);
  const doc = errors.document(err);
  call.instance.channel.sendBytes(TYPE.ERROR, 0, call.stream, doc.errorType, Buffer.from(JSON.stringify(doc)));
}

module.exports = { install, isStreaming, run };
