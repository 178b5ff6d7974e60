// What the function prints: console methods and the two output streams, sent as
// log frames of the request that is running.
'use strict';

const util = require('util');

const MAX_LINE = 256 * 1024;
const LEVELS = { log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE', fatal: 'FATAL' };

// captureOutput takes over console, process.stdout and process.stderr. sink has
// log(level, text, call) and who(), the call whose code runs.
function captureOutput(sink) {
  const json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
  const line = (level, args, call) => {
    const entry = json ? asJSON(call.requestID, level, args) : asText(call.requestID, level, args);
    for (let at = 0; at === 0 || at < entry.length; at += MAX_LINE) {
      sink.log(level, entry.length <= MAX_LINE ? entry : entry.slice(at, at + MAX_LINE), call);
    }
  };
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...args) => line(level, args, sink.who());
  }
  const open = new Set(); // Partials that may hold something
  for (const name of ['stdout', 'stderr']) {
    captureStream(name, () => {
      const call = sink.who();
      if (call.partial === null) {
        call.partial = new Partial(sink, call);
        open.add(call.partial);
      }
      return call.partial[name];
    });
  }
  return {
    // error logs what went wrong with an invocation, described by fields.
    error(what, fields, call) {
      line('ERROR', json ? [fields] : [`${what}\t${JSON.stringify(fields)}`], call);
    },
    // flush ends the lines of call, and of those that are over.
    flush(call) {
      for (const partial of open) {
        if (partial.call === call || !partial.call.open) {
          partial.flush();
          partial.call.partial = null;
          open.delete(partial);
        }
      }
    },
    flushAll() {
      for (const partial of open) {
        partial.flush();
      }
    },
    // end is flushAll for the last time: what comes now does not wait for its end.
    end() {
      this.flushAll();
      Lines.ending = true;
    },
  };
}

// Partial is what one call printed that has no line end yet.
class Partial {
  constructor(sink, call) {
    this.call = call;
    this.stdout = new Lines((text) => sink.log('', text, call));
    this.stderr = new Lines((text) => sink.log('', text, call));
  }

  flush() {
    this.stdout.flush();
    this.stderr.flush();
  }
}

function asText(requestID, level, args) {
  return `${new Date().toISOString()}\t${requestID || 'undefined'}\t${level}\t${util.format(...args)}`;
}

// asJSON keeps a single object as it is; anything else is one message.
function asJSON(requestID, level, args) {
  const entry = { timestamp: new Date().toISOString(), level, requestId: requestID || undefined };
  const [only] = args;
  try {
    if (args.length === 1 && typeof only === 'object' && only !== null && !(only instanceof Error)) {
      return JSON.stringify({ ...entry, message: only });
    }
  } catch {
    // Circular: as text then.
  }
  entry.message = util.format(...args);
  const err = args.find((a) => a instanceof Error);
  if (err !== undefined) {
    Object.assign(entry, { errorType: err.name, errorMessage: err.message, stackTrace: String(err.stack).split('\n') });
  }
  return JSON.stringify(entry);
}

// captureStream replaces the write method of process.stdout or process.stderr
// when somebody asks for the stream: making it costs time that most functions
// need not spend. lines() is where the lines are cut.
function captureStream(name, lines) {
  const original = Object.getOwnPropertyDescriptor(process, name);
  let stream = null;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: original.enumerable,
    get() {
      if (stream === null) {
        stream = original.get.call(process);
        stream.write = (chunk, encoding, callback) => {
          if (typeof encoding === 'function') {
            callback = encoding;
            encoding = undefined;
          }
          lines().write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
          if (typeof callback === 'function') {
            process.nextTick(callback);
          }
          return true;
        };
      }
      return stream;
    },
  });
}

// Lines cuts a byte stream into lines, and keeps the one that has no end yet.
class Lines {
  static ending = false; // the process ends: nothing waits any more

  constructor(emit) {
    this.emit = emit;
    this.partial = [];
    this.size = 0;
  }

  write(chunk) {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (;;) {
      const end = bytes.indexOf(10);
      if (end < 0) {
        break;
      }
      this.add(bytes.subarray(0, end));
      this.cut();
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > 0) {
      this.add(Buffer.from(bytes)); // the caller may reuse its buffer
    }
    if (Lines.ending) {
      this.flush();
    }
  }

  add(bytes) {
    while (this.size + bytes.length > MAX_LINE) {
      const room = MAX_LINE - this.size;
      this.partial.push(bytes.subarray(0, room));
      this.size = MAX_LINE;
      this.cut();
      bytes = bytes.subarray(room);
    }
    this.partial.push(bytes);
    this.size += bytes.length;
  }

  cut() {
    const bytes = this.partial.length === 1 ? this.partial[0] : Buffer.concat(this.partial);
    this.partial = [];
    this.size = 0;
    this.emit(bytes);
  }

  flush() {
    if (this.size > 0) {
      this.cut();
    }
  }
}

module.exports = { captureOutput, Lines, MAX_LINE };
