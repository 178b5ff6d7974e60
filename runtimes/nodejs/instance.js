// One function's life in this process: init once, then invocations, one by one or
// up to init.concurrency at a time.
'use strict';

const { TYPE, FLAG_EXIT } = require('./channel.js');
const { Context } = require('./context.js');
const errors = require('./errors.js');
const { captureOutput } = require('./output.js');

const HOOKS = { initializer: 'EBB_INITIALIZER', 'pre-freeze': 'EBB_PRE_FREEZE', 'pre-stop': 'EBB_PRE_STOP' };

// NOBODY stands for no invocation.
const NOBODY = { stream: 0, requestID: '', partial: null, open: true };

class Instance {
  constructor(channel) {
    this.channel = channel;
    this.handler = null;
    this.streaming = false;
    this.arn = '';
    this.maxResponse = Infinity;
    this.traceID = '';
    this.latest = NOBODY; // the invocation in flight, or the last one: late lines are its
    this.calls = new Map(); // in flight, by stream
    this.running = null; // where several may be in flight: the one whose code runs, an AsyncLocalStorage
    this.blocked = 0; // streams that wait for the window to widen
    this.window = Infinity; // how much of a streamed answer may be on its way
    this.starting = false; // init or a hook runs: what goes wrong is its
    this.hooks = {};
    this.output = null;
  }

  init(init) {
    this.starting = true;
    this.arn = init.arn;
    this.maxResponse = init.maxResponse || Infinity;
    if (init.concurrency > 1) {
      const { AsyncLocalStorage } = require('async_hooks');
      this.running = new AsyncLocalStorage();
      this.window = init.window || Infinity;
    }
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
        this.output.flushAll();
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
    this.latest = NOBODY;
    this.starting = true;
    try {
      if (this.hooks[name] !== undefined) {
        const { [name]: fn } = this.hooks; // not called as a method
        await fn(new Context({}, '', +deadline, this.arn));
      }
      this.starting = false;
      this.output.flushAll();
      this.channel.send(TYPE.DONE, 0, 0, '', '');
    } catch (err) {
      this.starting = false;
      this.logError('Hook Error ', err);
      this.output.flushAll();
      const doc = errors.document(err);
      this.channel.send(TYPE.ERROR, 0, 0, doc.errorType, JSON.stringify(doc));
    }
  }

  initFailed(err, code) {
    const doc = errors.document(err);
    this.logError('Init Error ', err);
    this.end(0, doc, code);
  }

  // who is the invocation whose code runs, as far as that can be told.
  who() {
    return this.running === null ? this.latest : this.running.getStore() || NOBODY;
  }

  // invoke runs one invocation. head is text: id, deadline, ARN, trace, client
  // context, a line each, the last with whatever it has.
  invoke(stream, head, buf, headStart, payload, end) {
    const a = head.indexOf('\n');
    const b = head.indexOf('\n', a + 1);
    const c = head.indexOf('\n', b + 1);
    const d = head.indexOf('\n', c + 1);
    const call = new Invocation(this, stream, head.slice(0, a));
    this.latest = call;
    if (this.calls.size === 0 && this.blocked === 0) {
      this.channel.unref(); // from now on the loop is empty when the function's own work is done
    }
    this.calls.set(stream, call);
    let context;
    let event;
    try {
      context = new Context(call, call.requestID, +head.slice(a + 1, b), b + 1 === c ? this.arn : head.slice(b + 1, c));
      if (d + 1 < head.length) {
        context.clientContext = JSON.parse(buf.utf8Slice(headStart + d + 1, payload));
      }
      event = payload === end ? undefined : JSON.parse(buf.utf8Slice(payload, end));
    } catch (err) {
      call.fail(err);
      return;
    }
    if (this.running !== null) {
      this.running.run(call, run, this, call, event, context);
      return;
    }
    if (c + 1 !== d || this.traceID !== '') { // it is the process's: only for one at a time
      this.setTrace(head.slice(c + 1, d));
    }
    run(this, call, event, context);
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

  // loopIsEmpty: nothing can happen any more that would answer those in flight.
  // Where there may be several, one that is yet to come can fulfil a promise.
  loopIsEmpty() {
    for (const call of [...this.calls.values()]) {
      if (this.running === null || !call.promised) {
        call.finish();
      }
    }
    if (this.calls.size > 0) {
      this.channel.ref(); // or the process would end
    }
  }

  // settle ends an invocation.
  settle(call) {
    this.calls.delete(call.stream);
    if (this.calls.size === 0) {
      this.channel.ref();
    }
    this.output.flush(call);
  }

  // answer sends an invocation's last frame. It may wait for those of others.
  answer(type, stream, head, text) {
    return this.calls.size === 0
      ? this.channel.send(type, 0, stream, head, text, this.maxResponse)
      : this.channel.sendSoon(type, 0, stream, head, text, this.maxResponse);
  }

  // awaitWindow counts the streams that wait for the platform: as long as there
  // are any, an event loop without other work is not at its end.
  awaitWindow(n) {
    this.blocked += n;
    if (this.blocked > 0) {
      this.channel.ref();
    } else if (this.calls.size > 0) {
      this.channel.unref();
    }
  }

  // granted: so many bytes more of a stream may be sent.
  granted(stream, n) {
    const call = this.calls.get(stream);
    if (call !== undefined && call.granted !== null) {
      call.granted(n);
    }
  }

  log(level, text, call) {
    if (typeof text === 'string') {
      this.channel.send(TYPE.LOG, 0, call.stream, level, text);
    } else {
      this.channel.sendBytes(TYPE.LOG, 0, call.stream, level, text);
    }
  }

  flush() {
    if (this.output !== null) {
      this.output.flushAll();
    }
  }

  // exiting: the process ends. A line without an end is a line too.
  exiting() {
    if (this.output !== null) {
      this.output.end();
    }
    this.channel.flush();
  }

  logError(what, err, call = this.who()) {
    if (this.output !== null) {
      this.output.error(what, errors.forLog(err), call);
    }
  }

  rejection(reason, promise) {
    this.crash(new errors.UnhandledPromiseRejection(reason, promise), 128);
  }

  // crash ends the process because of an error that nobody caught: what state it
  // left things in is unknown. All that wait for an answer are told.
  crash(err, code) {
    const rejected = err instanceof errors.UnhandledPromiseRejection;
    this.logError(rejected ? 'Unhandled Promise Rejection ' : 'Uncaught Exception ', err);
    if (this.calls.size > 0) {
      const doc = errors.document(err);
      const [last, ...others] = [...this.calls.keys()].reverse();
      this.calls.clear();
      for (const stream of others) {
        this.channel.send(TYPE.ERROR, FLAG_EXIT, stream, doc.errorType, JSON.stringify(doc));
      }
      this.end(last, doc, code);
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

// run calls the handler.
function run(instance, call, event, context) {
  const { handler } = instance; // not called as a method: that object is none of its business
  let result;
  try {
    if (instance.streaming) {
      result = require('./streaming.js').run(handler, event, context, call);
    } else {
      result = handler(event, context, (err, value) => call.callback(err, value));
    }
  } catch (err) {
    call.fail(err);
    return;
  }
  if (result !== null && typeof result === 'object' && typeof result.then === 'function') {
    call.promised = true;
    result.then(call.succeed, call.fail);
  }
}

// Invocation is one request and its one answer.
class Invocation {
  constructor(instance, stream, requestID) {
    this.instance = instance;
    this.stream = stream;
    this.requestID = requestID;
    this.partial = null; // what it printed that has no line end yet; see output.js
    this.granted = null; // what to do when more of a stream may be sent; see streaming.js
    this.context = null;
    this.promised = false; // a promise will answer it
    this.waiting = false; // answered by callback, kept until the event loop is empty
    this.value = undefined;
    this.succeed = (value) => this.respond(value);
    this.fail = (err) => this.respondError(err);
  }

  get open() {
    return this.instance.calls.get(this.stream) === this;
  }

  // callback is the old style of answering: by default the answer leaves when
  // the event loop is empty. Where several are in flight that says nothing.
  callback(err, value) {
    if (!this.open || this.waiting) {
      return;
    }
    if (err !== undefined && err !== null) {
      this.respondError(err);
    } else if (this.context.callbackWaitsForEmptyEventLoop && this.instance.running === null) {
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
    this.instance.settle(this);
    if (!this.instance.answer(TYPE.RESPONSE, this.stream, '', text === undefined ? 'null' : text)) {
      this.tooLarge();
    }
  }

  respondError(err) {
    if (!this.open) {
      return;
    }
    this.instance.logError('Invoke Error ', err, this);
    this.instance.settle(this);
    const doc = errors.document(err);
    if (!this.instance.answer(TYPE.ERROR, this.stream, doc.errorType, JSON.stringify(doc))) {
      this.tooLarge();
    }
  }

  tooLarge() {
    const doc = errors.tooLarge(this.instance.maxResponse);
    this.instance.channel.send(TYPE.ERROR, 0, this.stream, doc.errorType, JSON.stringify(doc));
  }
}

module.exports = { Instance };
