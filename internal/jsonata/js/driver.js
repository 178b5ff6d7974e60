// The door between Go and the JSONata library. Everything that crosses it is
// JSON text, so that Go and JavaScript never share an object.
(function (host) {
  'use strict';
  var compiled = new Map();
  var mathRandom = Math.random;

  // What the States Language adds to JSONata. $eval is taken away: an expression
  // is checked when a machine is created, and $eval would go around that.
  function addStatesFunctions(expr) {
    expr.assign('eval', undefined);
    expr.registerFunction('partition', function (array, size) {
      if (!Array.isArray(array)) array = [array];
      if (!(size > 0) || Math.floor(size) !== size) {
        throw { code: 'D3030', message: 'The second argument of $partition must be a positive integer' };
      }
      var out = [];
      for (var i = 0; i < array.length; i += size) out.push(array.slice(i, i + size));
      return out;
    }, '<an:a>');
    expr.registerFunction('range', function (first, last, step) {
      if (!(Number.isInteger(first) && Number.isInteger(last) && Number.isInteger(step)) || step === 0) {
        throw { code: 'D3030', message: 'The arguments of $range must be integers and the step must not be zero' };
      }
      var count = Math.floor((last - first) / step) + 1;
      if (count > host.maxRange) {
        throw { code: 'D2014', message: '$range would return ' + count + ' elements, more than ' + host.maxRange };
      }
      var out = [];
      for (var i = 0; i < count; i++) out.push(first + i * step);
      // A sequence, as [first..last] is one: of a single element it is that element.
      Object.defineProperty(out, 'sequence', { value: true, enumerable: false });
      return out;
    }, '<nnn:a>');
    expr.registerFunction('hash', function (text, algorithm) {
      var sum = host.hash(text, algorithm);
      if (sum === '') {
        throw { code: 'D3030', message: 'The second argument of $hash must be one of MD5, SHA-1, SHA-256, SHA-384 and SHA-512' };
      }
      return sum;
    }, '<ss:s>');
    expr.registerFunction('random', function (seed) {
      return seed === undefined ? mathRandom() : host.seededRandom(seed);
    }, '<n?:n>');
    expr.registerFunction('uuid', function () { return host.uuid(); }, '<:s>');
    expr.registerFunction('parse', function (text) {
      try {
        return JSON.parse(text);
      } catch (e) {
        throw { code: 'D3030', message: 'The argument of $parse is not valid JSON: ' + e.message };
      }
    }, '<s-:x>');
  }

  // An interrupt does not stop a regular expression, so those that may take
  // exponential time are refused before they run.
  function refuseRegexps(node, seen) {
    if (node === null || typeof node !== 'object' || seen.has(node)) return;
    seen.add(node);
    if (node instanceof RegExp) {
      if (host.refuseRegexp(node.source)) {
        throw { code: 'S0303', token: node.source, message: 'The regular expression needs backtracking (look-around or back references), which is not supported' };
      }
      return;
    }
    Object.keys(node).forEach(function (k) { refuseRegexps(node[k], seen); });
  }

  function compile(text) {
    var expr = compiled.get(text);
    if (expr === undefined) {
      expr = host.library(text, { stack: host.stack });
      if (text.indexOf('/') >= 0) refuseRegexps(expr.ast(), new Set());
      if (host.states) addStatesFunctions(expr);
      if (compiled.size >= 512) compiled.clear();
      compiled.set(text, expr);
    }
    return expr;
  }

  function failure(e) {
    if (e === null || typeof e !== 'object') return { code: '', message: String(e) };
    return {
      code: typeof e.code === 'string' ? e.code : '',
      message: String(e.message === undefined ? e : e.message),
      position: typeof e.position === 'number' ? e.position : 0,
      token: e.token === undefined ? '' : String(e.token)
    };
  }

  // Names that are looked up in the context item although there is none: bare
  // names where no path step has given one, and $$.
  function bareNames(node, hasContext, found) {
    if (node === null || typeof node !== 'object' || node instanceof RegExp) return;
    if (Array.isArray(node)) {
      node.forEach(function (n) { bareNames(n, hasContext, found); });
      return;
    }
    var within = hasContext;
    if (node.type === 'name' && !hasContext) found.add(node.value);
    if (node.type === 'variable' && node.value === '$') found.add('$$');
    if (node.type === 'path') {
      node.steps.forEach(function (step, i) { bareNames(step, hasContext || i > 0, found); });
      bareNames(node.group, true, found);
      return;
    }
    if (node.type === 'transform') within = true;
    Object.keys(node).forEach(function (k) {
      if (k === 'ancestor' || k === 'slot' || k === 'value') return;
      var inner = k === 'stages' || k === 'predicate' || k === 'group' || (k === 'rhs' && node.type === 'binary' && node.value === '[');
      bareNames(node[k], within || inner, found);
    });
  }

  return {
    bare: function (text) {
      var found = new Set();
      bareNames(compile(text).ast(), false, found);
      return JSON.stringify(Array.from(found));
    },
    parse: function (text) { return JSON.parse(text); },
    record: function () { return Object.create(null); },
    check: function (text) {
      try { compile(text); return ''; } catch (e) { return JSON.stringify(failure(e)); }
    },
    // evaluate calls done(kind, text) exactly once, before the job queue is empty.
    evaluate: function (text, input, bindings, done) {
      var finish = function (v) {
        if (v === undefined) { done('undefined', ''); return; }
        var json = typeof v === 'function' || (v !== null && v._jsonata_function === true) || (v !== null && v._jsonata_lambda === true)
          ? undefined : JSON.stringify(v);
        if (json === undefined) done('function', ''); else done('value', json);
      };
      var fail = function (e) { done('error', JSON.stringify(failure(e))); };
      try {
        compile(text).evaluate(input, bindings).then(finish).then(undefined, fail);
      } catch (e) { fail(e); }
    }
  };
})
