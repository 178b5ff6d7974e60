// One function's life in this process: init once, then invocations one by one.
'use strict';

const { TYPE, FLAG_EXIT } = require('./channel.js');
const { Context } = require('./context.js');
const errors = require('./errors.js');
const { captureOutput } = require('./output.js');

const HOOKS = { initializer: 'EBB_INITIALIZER', 'pre-freeze': 'EBB_PRE_FREEZE', 'pre-stop': 'EBB_PRE_STOP' };

class Instance {
  constructor(channel) {
    this.channel = channel;
    this.handler = null;
    this.streaming = false;
    this.arn = '';
    this.maxResponse = Infinity;
    this.traceID = '';
    this.stream = 0; // of the invocation in flight, or the last one: late lines are its
    this.requestID = '';
    this.current = null; // the Invocation in flight
    this.starting = false; // init or a hook runs: what goes wrong is its
    this.hooks = {};
    this.output = null;
  }

  init(init) {
    this.starting = true;
    this.arn = init.arn;
    this.maxResponse = init.maxResponse || Infinity;
    Object.assign(process.env, init.env);
    Context.describe(process.env, init.tenantId);
    this.output = captureOutput(this);
    require('./streaming.js').install();
    try {
      if (process.cwd() !== init.taskRoot) {
        process.chdir(init.taskRoot);
      }
    } catch {
      // The handler's files will be missed with a better message.
    }
    Promise.all([require('./load.js').load(init.taskRoot, init.handler), this.loadHooks(init.taskRoot)]).then(
      ([handler]) => {
        this.handler = handler;
        this.streaming = require('./streaming.js').isStreaming(handler);
        this.starting = false;
        this.output.flush();
        this.channel.send(TYPE.READY, 0, 0, '', JSON.stringify({ runtime: `nodejs/${process.version}` }));
      },
      (err) => this.initFailed(err, 1),
    );
  }

  // loadHooks finds the functions that the environment names. A name that leads
  // nowhere is an error now, not when the hook's time has come.
  async loadHooks(taskRoot) {
    for (const [hook, name] of Object.entries(HOOKS)) {
      if (process.env[name]) {
        this.hooks[hook] = await require('./load.js').load(taskRoot, process.env[name]);
      }
    }
  }

  // hook runs what the function names for a point of its life, if anything.
  async hook(name, deadline) {
    this.stream = 0;
    this.requestID = '';
    this.starting = true;
    try {
      if (this.hooks[name] !== undefined) {
        const { [name]: fn } = this.hooks; // not called as a method
        await fn(new Context({}, '', +deadline, this.arn));
      }
      this.starting = false;
      this.output.flush();
      this.channel.send(TYPE.DONE, 0, 0, '', '');
    } catch (err) {
      this.starting = false;
      this.logError('Hook Error ', err);
      this.output.flush();
      const doc = errors.document(err);
      this.channel.send(TYPE.ERROR, 0, 0, doc.errorType, JSON.stringify(doc));
    }
  }

  initFailed(err, code) {
    const doc = errors.document(err);
    this.logError('Init Error ', err);
    this.end(0, doc, code);
  }

  // invoke runs one invocation. head is text: id, deadline, ARN, trace, client
  // context, a line each, the last with whatever it has.
  invoke(stream, head, buf, headStart, payload, end) {
    const a = head.indexOf('\n');
    const b = head.indexOf('\n', a + 1);
    const c = head.indexOf('\n', b + 1);
    const d = head.indexOf('\n', c + 1);
    this.stream = stream;
    this.requestID = head.slice(0, a);
    if (c + 1 !== d || this.traceID !== '') {
      this.setTrace(head.slice(c + 1, d));
    }
    const call = new Invocation(this, stream);
    this.current = call;
    this.channel.unref(); // from now on the loop is empty when the function's own work is done
    const { handler } = this; // not called as a method: this object is none of its business
    let result;
    try {
      const context = new Context(call, this.requestID, +head.slice(a + 1, b), b + 1 === c ? this.arn : head.slice(b + 1, c));
      if (d + 1 < head.length) {
        context.clientContext = JSON.parse(buf.utf8Slice(headStart + d + 1, payload));
      }
      const event = payload === end ? undefined : JSON.parse(buf.utf8Slice(payload, end));
      if (this.streaming) {
        result = require('./streaming.js').run(handler, event, context, call);
      } else {
        result = handler(event, context, (err, value) => call.callback(err, value));
      }
    } catch (err) {
      call.fail(err);
      return;
    }
    if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
      result.then(call.succeed, call.fail);
    }
  }

  setTrace(traceID) {
    if (traceID === this.traceID) {
      return;
    }
    this.traceID = traceID;
    if (traceID === '') {
      delete process.env._X_AMZN_TRACE_ID;
    } else {
      process.env._X_AMZN_TRACE_ID = traceID;
    }
  }

  // loopIsEmpty: nothing can happen any more that would answer the invocation.
  loopIsEmpty() {
    if (this.current !== null) {
      this.current.finish();
    }
  }

  // settle ends the invocation in flight.
  settle() {
    this.current = null;
    this.channel.ref();
    this.output.flush();
  }

  log(level, text) {
    if (typeof text === 'string') {
      this.channel.send(TYPE.LOG, 0, this.stream, level, text);
    } else {
      this.channel.sendBytes(TYPE.LOG, 0, this.stream, level, text);
    }
  }

  flush() {
    if (this.output !== null) {
      this.output.flush();
    }
  }

  // exiting: the process ends. A line without an end is a line too.
  exiting() {
    if (this.output !== null) {
      this.output.end();
    }
  }

  logError(what, err) {
    if (this.output !== null) {
      this.output.error(what, errors.forLog(err));
    }
  }

  rejection(reason, promise) {
    this.crash(new errors.UnhandledPromiseRejection(reason, promise), 128);
  }

  // crash ends the process because of an error that nobody caught. Whoever waits
  // for an answer is told.
  crash(err, code) {
    const rejected = err instanceof errors.UnhandledPromiseRejection;
    this.logError(rejected ? 'Unhandled Promise Rejection ' : 'Uncaught Exception ', err);
    if (this.current !== null) {
      const stream = this.current.stream;
      this.current = null;
      this.end(stream, errors.document(err), code);
    } else if (this.starting) {
      this.end(0, errors.document(err), code);
    } else {
      this.channel.drained(() => process.exit(code));
    }
  }

  // end sends an error document and then ends the process.
  end(stream, doc, code) {
    this.flush();
    this.channel.ref();
    this.channel.send(TYPE.ERROR, FLAG_EXIT, stream, doc.errorType, JSON.stringify(doc));
    this.channel.drained(() => process.exit(code));
  }
}

// Invocation is one request and its one answer.
class Invocation {
  constructor(instance, stream) {
    this.instance = instance;
    this.stream = stream;
    this.context = null;
    this.waiting = false; // answered by callback, kept until the event loop is empty
    this.value = undefined;
    this.succeed = (value) => this.respond(value);
    this.fail = (err) => this.respondError(err);
  }

  get open() {
    return this.instance.current === this;
  }

  // callback is the old style of answering: by default the answer leaves when
  // the event loop is empty.
  callback(err, value) {
    if (!this.open || this.waiting) {
      return;
    }
    if (err !== undefined && err !== null) {
      this.respondError(err);
    } else if (this.context.callbackWaitsForEmptyEventLoop) {
      this.waiting = true;
      this.value = value;
    } else {
      this.respond(value);
    }
  }

  // finish answers because nothing else will.
  finish() {
    this.respond(this.waiting ? this.value : null);
  }

  respond(value) {
    if (!this.open) {
      return;
    }
    let text;
    try {
      text = JSON.stringify(value === undefined ? null : value);
    } catch {
      this.respondError(new Error('Unable to stringify response body'));
      return;
    }
    this.instance.settle();
    const { channel, maxResponse } = this.instance;
    if (!channel.send(TYPE.RESPONSE, 0, this.stream, '', text === undefined ? 'null' : text, maxResponse)) {
      const doc = errors.tooLarge(maxResponse);
      channel.send(TYPE.ERROR, 0, this.stream, doc.errorType, JSON.stringify(doc));
    }
  }

  respondError(err) {
    if (!this.open) {
      return;
    }
    this.instance.logError('Invoke Error ', err);
    this.instance.settle();
    const { channel, maxResponse } = this.instance;
    let doc = errors.document(err);
    if (!channel.send(TYPE.ERROR, 0, this.stream, doc.errorType, JSON.stringify(doc), maxResponse)) {
      doc = errors.tooLarge(maxResponse);
      channel.send(TYPE.ERROR, 0, this.stream, doc.errorType, JSON.stringify(doc));
    }
  }
}

module.exports = { Instance };
