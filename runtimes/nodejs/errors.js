// Errors as callers and logs see them.
'use strict';

// RuntimeError is a failure that has a name of its own in the platform.
class RuntimeError extends Error {
  constructor(name, cause) {
    super(String(cause));
    this.name = name;
    if (cause instanceof Error) {
      this.stack = cause.stack ? `${name}: ${cause.stack}` : this.stack;
    }
  }
}

class UnhandledPromiseRejection extends Error {
  constructor(reason, promise) {
    super(String(reason));
    this.name = 'Runtime.UnhandledPromiseRejection';
    this.reason = reason;
    this.promise = promise;
    if (reason instanceof Error && reason.stack) {
      this.stack = `${this.name}: ${reason.stack}`;
    }
  }
}

// isError also knows errors of other realms (vm contexts, test runners).
function isError(err) {
  return err instanceof Error || Object.prototype.toString.call(err) === '[object Error]';
}

// document is the error document of a failure. It never throws, whatever was
// thrown: even its properties may throw.
function document(err) {
  try {
    if (!isError(err)) {
      return { errorType: typeof err, errorMessage: String(err), trace: [] };
    }
    return {
      errorType: String(err.name || 'Error'),
      errorMessage: String(err.message),
      trace: String(err.stack || '').split('\n'),
    };
  } catch {
    return { errorType: 'handled', errorMessage: 'the function threw something that cannot be described', trace: [] };
  }
}

// forLog is the same with the error's own fields.
function forLog(err) {
  const doc = document(err);
  const out = { errorType: doc.errorType, errorMessage: doc.errorMessage };
  try {
    if (isError(err)) {
      for (const key of Object.keys(err)) {
        const kind = typeof err[key];
        if (!(key in out) && (kind === 'string' || kind === 'number' || kind === 'boolean')) {
          out[key] = err[key];
        }
      }
    }
  } catch {
    // What could be read is enough.
  }
  out.stack = doc.trace;
  return out;
}

function tooLarge(limit) {
  return {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${limit} bytes).`,
    trace: [],
  };
}

module.exports = { RuntimeError, UnhandledPromiseRejection, document, forLog, tooLarge };
