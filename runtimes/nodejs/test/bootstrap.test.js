// What a handler sees and what the platform gets, through a real process.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { Platform, withFunction, TYPE } = require('./platform.js');

const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/;
const texts = (a) => a.logs.map((l) => l.text);

test('answers', async (t) => {
  await t.test('echo', withFunction('exports.h = async (e) => e', 'index.h', async (p, ready) => {
    assert.strictEqual(ready.type, 'READY');
    for (const event of [{ a: 1 }, [1, 2.5, null, true], 'ü\u{1f600}', 0, null, { big: 'x'.repeat(300000) }]) {
      const a = await p.invoke(event);
      assert.deepStrictEqual([a.type, a.stream, JSON.parse(a.text)], ['RESPONSE', p.stream, event]);
    }
  }));
  await t.test('undefined is null', withFunction('exports.h = async () => {}', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
  }));
  await t.test('a function is null', withFunction('exports.h = async () => () => 1', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
  }));
  await t.test('no event', withFunction('exports.h = async (e) => [typeof e]', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(0, { raw: '' })).text, '["undefined"]');
  }));
  await t.test('frames split anywhere', withFunction('exports.h = async (e) => e', 'index.h', async (p) => {
    const text = JSON.stringify({ a: 'b'.repeat(100000) });
    p.stream++;
    const two = Buffer.concat([p.bytes(TYPE.INVOKE, p.stream, 'id\n\n\n\n', text), p.bytes(TYPE.PING, 0, '', '')]);
    const cuts = [0, 5, 12, 14, 70000, two.length - 3, two.length];
    for (let i = 1; i < cuts.length; i++) {
      await new Promise((done) => p.socket.write(two.subarray(cuts[i - 1], cuts[i]), () => setTimeout(done, 10)));
    }
    const answers = [await p.next(), await p.next()];
    assert.deepStrictEqual(answers.map((a) => a.type).sort(), ['PONG', 'RESPONSE']);
    assert.strictEqual(answers.find((a) => a.type === 'RESPONSE').payload.toString(), text);
  }));
  await t.test('too large', withFunction('exports.h = async (e) => "x".repeat(e)', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(998)).type, 'RESPONSE');
    const a = await p.invoke(999);
    assert.deepStrictEqual([a.type, a.head, a.flags], ['ERROR', 'Function.ResponseSizeTooLarge', 0]);
    assert.match(a.text, /Response payload size exceeded maximum allowed payload size \(1000 bytes\)\./);
    assert.strictEqual((await p.invoke(1)).type, 'RESPONSE');
  }, { limits: { maxResponse: 1000 } }));
  await t.test('a slow reader loses nothing', withFunction('exports.h = async (e) => { for (let i = 0; i < 500; i++) console.log("x".repeat(5000)); return "y".repeat(5e6) }', 'index.h', async (p) => {
    p.socket.pause();
    const answer = p.invoke(1);
    await new Promise((r) => setTimeout(r, 300));
    p.socket.resume();
    const a = await answer;
    assert.strictEqual(a.logs.length, 500);
    assert.strictEqual(a.text.length, 5e6 + 2);
  }));
});

test('callback style', async (t) => {
  await t.test('waits for the event loop', withFunction(`
    let ticks = 0;
    exports.h = (e, c, cb) => { setTimeout(() => ticks++, 20); cb(null, 'x'); };
    exports.t = 0;
    exports.g = (e, c, cb) => { cb(null, ticks); };
    exports.both = (e, c, cb) => e === 1 ? exports.h(e, c, cb) : exports.g(e, c, cb);
  `, 'index.both', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, '"x"');
    assert.strictEqual((await p.invoke(2)).text, '1');
  }));
  await t.test('or not', withFunction(`
    exports.h = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setTimeout(() => {}, 60000); cb(null, 'x'); };
  `, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, '"x"');
    assert.strictEqual((await p.invoke(1)).text, '"x"');
  }));
  await t.test('later, and only once', withFunction(`
    exports.h = (e, c, cb) => { setTimeout(() => { cb(null, 1); cb(null, 2); cb('no'); }, 5); return 'ignored'; };
  `, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, '1');
    assert.strictEqual((await p.invoke(1)).text, '1');
  }));
  await t.test('never', withFunction('exports.h = () => 5', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
  }));
  await t.test('a promise that nothing settles', withFunction('exports.h = () => new Promise(() => {})', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
  }));
  await t.test('an error', withFunction(`exports.h = (e, c, cb) => cb(e ? new TypeError('bad') : 'text')`, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).head, 'TypeError');
    const a = await p.invoke(0);
    assert.strictEqual(a.text, '{"errorType":"string","errorMessage":"text","trace":[]}');
  }));
  await t.test('done, succeed, fail', withFunction(`
    exports.h = (e, context) => { setTimeout(() => {}, 60000); const { done, succeed, fail } = context; ({ done: () => done(null, 'd'), succeed: () => succeed('s'), fail: () => fail(new Error('f')) })[e](); };
  `, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke('done')).text, '"d"');
    assert.strictEqual((await p.invoke('succeed')).text, '"s"');
    assert.strictEqual((await p.invoke('fail')).head, 'Error');
  }));
});

test('context', async (t) => {
  const code = `exports.h = async (e, c) => ({ ...c, getRemainingTimeInMillis: c.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID })`;
  await t.test('fields', withFunction(code, 'index.h', async (p) => {
    const d = JSON.parse((await p.invoke(1, { id: 'r1', deadline: Date.now() + 5000, trace: 'Root=1-2', client: '{\n"custom":{"a":1}}' })).text);
    assert.ok(d.getRemainingTimeInMillis > 3000 && d.getRemainingTimeInMillis <= 5000);
    delete d.getRemainingTimeInMillis;
    assert.deepStrictEqual(d, {
      callbackWaitsForEmptyEventLoop: true, functionVersion: '$LATEST', functionName: 'f', memoryLimitInMB: '128',
      logGroupName: '/aws/lambda/f', logStreamName: 's', awsRequestId: 'r1', trace: 'Root=1-2', clientContext: { custom: { a: 1 } },
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
    });
    const e = JSON.parse((await p.invoke(1, { arn: 'arn:other:1' })).text);
    assert.deepStrictEqual([e.invokedFunctionArn, e.trace, e.clientContext], ['arn:other:1', undefined, undefined]);
  }));
  await t.test('environment', withFunction(
    'const at = [process.env.MINE, process.cwd(), new Date(0).getTimezoneOffset()]; exports.h = async () => [...at, process.env.EARLY]', 'index.h',
    async (p) => {
      assert.deepStrictEqual(JSON.parse((await p.invoke(1)).text), ['x', require('fs').realpathSync(p.dir), 0, '1']);
    }, { env: { MINE: 'x', TZ: ':UTC', EARLY: '1' } }));
});

test('errors', async (t) => {
  await t.test('thrown', withFunction(`
    class Mine extends Error { constructor(m) { super(m); this.name = 'Mine'; this.code = 'C'; } }
    exports.h = (e) => { if (e === 'now') throw new Mine('bad ü'); return Promise.reject(new Mine('bad ü')); };
  `, 'index.h', async (p) => {
    for (const e of ['now', 'later']) {
      const a = await p.invoke(e, { id: 'r1' });
      const doc = JSON.parse(a.text);
      assert.deepStrictEqual([a.type, a.head, a.flags, doc.errorType, doc.errorMessage], ['ERROR', 'Mine', 0, 'Mine', 'bad ü']);
      assert.deepStrictEqual(Object.keys(doc), ['errorType', 'errorMessage', 'trace']);
      assert.match(doc.trace[0], /^Mine: bad ü$|^Error: bad ü$/);
      assert.match(doc.trace[1], /at exports\.h \(.*index\.js:3:/);
      assert.strictEqual(a.logs.length, 1);
      assert.strictEqual(a.logs[0].level, 'ERROR');
      const [stamp, id, level, what, json] = Buffer.from(a.logs[0].text, 'latin1').toString().split('\t');
      assert.match(stamp, STAMP);
      assert.deepStrictEqual([id, level, what], ['r1', 'ERROR', 'Invoke Error ']);
      assert.strictEqual(JSON.parse(json).code, 'C');
    }
  }));
  await t.test('odd things', withFunction(`
    exports.h = async (e) => { throw [null, undefined, 5, { a: 1 }, { toString() { throw 1; } }][e]; };
  `, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(0)).text, '{"errorType":"object","errorMessage":"null","trace":[]}');
    assert.strictEqual((await p.invoke(1)).text, '{"errorType":"undefined","errorMessage":"undefined","trace":[]}');
    assert.strictEqual((await p.invoke(2)).text, '{"errorType":"number","errorMessage":"5","trace":[]}');
    assert.strictEqual((await p.invoke(3)).text, '{"errorType":"object","errorMessage":"[object Object]","trace":[]}');
    assert.strictEqual((await p.invoke(4)).head, 'handled');
  }));
  await t.test('circular', withFunction('exports.h = async () => { const a = {}; a.a = a; return a; }', 'index.h', async (p) => {
    assert.match((await p.invoke(1)).text, /Unable to stringify response body/);
  }));
  await t.test('not JSON', withFunction('exports.h = async (e) => e', 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(0, { raw: '{' })).head, 'SyntaxError');
  }));
  await t.test('uncaught', withFunction(`exports.h = () => new Promise(() => setTimeout(() => { throw new RangeError('out') }, 5))`, 'index.h', async (p) => {
    const a = await p.invoke(1);
    assert.deepStrictEqual([a.type, a.head, a.flags], ['ERROR', 'RangeError', 1]);
    assert.match(texts(a)[0], /\tERROR\tUncaught Exception \t\{"errorType":"RangeError"/);
    assert.strictEqual(await p.exited, 129);
  }));
  await t.test('unhandled rejection', withFunction(`exports.h = async () => { Promise.reject(new Error('lost')); await new Promise(r => setTimeout(r, 1000)); }`, 'index.h', async (p) => {
    const a = await p.invoke(1);
    assert.deepStrictEqual([a.type, a.head, a.flags], ['ERROR', 'Runtime.UnhandledPromiseRejection', 1]);
    assert.strictEqual(JSON.parse(a.text).errorMessage, 'Error: lost');
    assert.strictEqual(await p.exited, 128);
  }));
  await t.test('exit', withFunction(`exports.h = async () => { process.stdout.write('last words'); process.exit(7); }`, 'index.h', async (p) => {
    const a = await p.invoke(1);
    assert.deepStrictEqual([a.type, texts(a)], ['CLOSED', ['last words']]);
    assert.strictEqual(await p.exited, 7);
  }));
});

test('init', async (t) => {
  const fails = (files, handler, type, message) => async () => {
    const p = new Platform(files);
    try {
      const a = await p.init(handler);
      assert.deepStrictEqual([a.type, a.flags, a.stream, a.head], ['ERROR', 1, 0, type]);
      const doc = JSON.parse(a.text);
      assert.strictEqual(doc.errorType, type);
      assert.match(doc.errorMessage, message);
      assert.strictEqual((await p.until()).type, 'CLOSED');
      assert.strictEqual(await p.exited, 1);
    } finally {
      await p.stop();
    }
  };
  const works = (files, handler, want) => withFunction(files, handler, async (p, ready) => {
    assert.strictEqual(ready.type, 'READY', ready.text);
    assert.strictEqual((await p.invoke(1)).text, JSON.stringify(want));
  });
  await t.test('missing module', fails({}, 'nope.h', 'Runtime.ImportModuleError', /^Error: Cannot find module 'nope'/));
  await t.test('missing dependency', fails({ 'index.js': `require('not-there')` }, 'index.h', 'Runtime.ImportModuleError', /Cannot find module 'not-there'/));
  await t.test('missing ES dependency', fails({ 'index.mjs': `import 'not-there'` }, 'index.h', 'Runtime.ImportModuleError', /Cannot find package 'not-there'/));
  await t.test('missing handler', fails({ 'index.js': '' }, 'index.h', 'Runtime.HandlerNotFound', /^index\.h is undefined or not exported$/));
  await t.test('not a function', fails({ 'index.js': 'exports.h = 1' }, 'index.h', 'Runtime.HandlerNotFound', /^index\.h is not a function$/));
  await t.test('malformed', fails({}, 'index', 'Runtime.MalformedHandlerName', /^Bad handler$/));
  await t.test('outside', fails({}, '../index.h', 'Runtime.MalformedHandlerName', /^'\.\.\/index\.h' is not a valid handler name\./));
  await t.test('syntax', fails({ 'index.js': 'exports.h = (' }, 'index.h', 'Runtime.UserCodeSyntaxError', /^SyntaxError: /));
  await t.test('ES syntax', fails({ 'index.mjs': 'export const h = (' }, 'index.h', 'Runtime.UserCodeSyntaxError', /^SyntaxError: /));
  await t.test('throws', fails({ 'index.js': `throw new RangeError('at load')` }, 'index.h', 'RangeError', /^at load$/));
  await t.test('ES throws', fails({ 'index.mjs': `await null; throw new RangeError('at load')` }, 'index.h', 'RangeError', /^at load$/));
  await t.test('uncaught while loading', async () => {
    const p = new Platform({ 'index.mjs': `setTimeout(() => { throw new Error('tick') }, 1); await new Promise((r) => setTimeout(r, 5000))` });
    const a = await p.init('index.h');
    assert.deepStrictEqual([a.type, a.flags, a.head], ['ERROR', 1, 'Error']);
    await p.stop();
  });
  await t.test('nested export', works({ 'a/b.js': 'exports.x = { y: { z: async () => 1 } }' }, 'a/b.x.y.z', 1));
  await t.test('.cjs', works({ 'index.cjs': 'exports.h = async () => 1' }, 'index.h', 1));
  await t.test('.mjs', works({ 'index.mjs': 'const one = await Promise.resolve(1); export const h = async () => one' }, 'index.h', 1));
  await t.test('type module', works({ 'package.json': '{"type":"module"}', 'src/index.js': 'export const h = async () => 1' }, 'src/index.h', 1));
  await t.test('a broken package.json is Node\'s matter', works({ 'src/package.json': '{}', 'package.json': '{"type":"module"}', 'src/index.js': 'exports.h = async () => 1' }, 'src/index.h', 1));
  await t.test('default export', works({ 'index.mjs': 'export default { h: async () => 1 }' }, 'index.h', 1));
  await t.test('a package', works({ 'node_modules/pack/index.js': 'exports.h = async () => 1' }, 'pack.h', 1));
  await t.test('lines while loading', withFunction(`console.log('loading'); process.stdout.write('part'); exports.h = () => {}`, 'index.h', async (p, ready) => {
    assert.deepStrictEqual(ready.logs.map((l) => [l.stream, l.level]), [[0, 'INFO'], [0, '']]);
    assert.match(ready.logs[0].text, /Z\tundefined\tINFO\tloading$/);
    assert.strictEqual(ready.logs[1].text, 'part');
  }));
  await t.test('ping first', async () => {
    const p = new Platform({ 'index.js': 'exports.h = async () => 1' });
    p.send(TYPE.PING, 0, '', '');
    assert.strictEqual((await p.next()).type, 'PONG');
    assert.strictEqual((await p.init('index.h')).type, 'READY');
    await p.stop();
  });
});

test('output', async (t) => {
  await t.test('console', withFunction(`
    exports.h = async () => {
      console.log('a %s', 'b', { c: 1 }); console.info(1); console.debug('d'); console.warn('w'); console.error('e\\nf'); console.trace('t');
    };
  `, 'index.h', async (p) => {
    const a = await p.invoke(1, { id: 'r1' });
    assert.deepStrictEqual(a.logs.map((l) => l.level), ['INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR', 'TRACE']);
    assert.deepStrictEqual(texts(a).map((l) => l.replace(STAMP, '')), [
      '\tr1\tINFO\ta b { c: 1 }', '\tr1\tINFO\t1', '\tr1\tDEBUG\td', '\tr1\tWARN\tw', '\tr1\tERROR\te\nf', '\tr1\tTRACE\tt']);
    for (const line of texts(a)) {
      assert.match(line, STAMP);
    }
  }));
  await t.test('console as JSON', withFunction(`
    exports.h = async () => {
      console.log('a %s', 'b'); console.warn({ c: 1 }); console.error('it', new TypeError('bad'));
      const loop = {}; loop.loop = loop; console.log(loop); process.stdout.write('as it is');
      throw new RangeError('out');
    };
  `, 'index.h', async (p) => {
    const a = await p.invoke(1, { id: 'r1' });
    assert.strictEqual(a.logs[5].text, 'as it is');
    const entries = texts(a).slice(0, 5).map((l) => JSON.parse(l));
    for (const e of entries) {
      assert.match(e.timestamp, STAMP);
      assert.strictEqual(e.requestId, 'r1');
    }
    assert.deepStrictEqual(entries.map((e) => e.level), ['INFO', 'WARN', 'ERROR', 'INFO', 'ERROR']);
    assert.deepStrictEqual([entries[0].message, entries[1].message], ['a b', { c: 1 }]);
    assert.deepStrictEqual([entries[2].errorType, entries[2].errorMessage], ['TypeError', 'bad']);
    assert.match(entries[3].message, /Circular/);
    assert.deepStrictEqual([entries[4].message.errorType, entries[4].message.errorMessage], ['RangeError', 'out']);
  }, { env: { AWS_LAMBDA_LOG_FORMAT: 'JSON' } }));
  await t.test('streams', withFunction(`
    exports.h = async (n) => {
      process.stdout.write('one\\ntw'); process.stderr.write('err\\n'); process.stdout.write('o\\n\\n');
      process.stdout.write(Buffer.from([0xff, 0, 10])); process.stdout.write(new Uint8Array([65, 10]));
      process.stdout.write('fc\\n', 'latin1');
      await new Promise((r) => process.stdout.write('called ' + n, r));
    };
  `, 'index.h', async (p) => {
    const a = await p.invoke(1);
    assert.deepStrictEqual(texts(a), ['one', 'err', 'two', '', '\xff\0', 'A', 'fc', 'called 1']);
    assert.strictEqual((await p.invoke(2)).logs.pop().stream, 2);
  }));
  await t.test('long lines', withFunction(`exports.h = async () => process.stdout.write('x'.repeat(600000) + '\\n')`, 'index.h', async (p) => {
    assert.deepStrictEqual(texts(await p.invoke(1)).map((l) => l.length), [262144, 262144, 75712]);
  }));
  await t.test('children', withFunction(`
    const { execFileSync } = require('child_process');
    exports.h = async () => { execFileSync('sh', ['-c', 'echo from sh; ls -l /proc/$$/fd | grep -c " 3 -> socket" || true'], { stdio: 'inherit' }); };
  `, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
    p.socket.destroy();
    await p.exited;
    assert.strictEqual(p.raw, 'from sh\n0\n');
  }));
  await t.test('late lines are the last request\'s', withFunction(`
    exports.h = async () => { setTimeout(() => console.log('late'), 50).unref(); };
  `, 'index.h', async (p) => {
    assert.deepStrictEqual(texts(await p.invoke(1, { id: 'r1' })), []);
    await new Promise((r) => setTimeout(r, 100));
    const a = await p.invoke(2);
    assert.strictEqual(a.logs[0].stream, 1);
    assert.match(a.logs[0].text, /\tr1\tINFO\tlate$/);
  }));
});

test('streaming', async (t) => {
  const collect = async (p, event) => {
    const out = { chunks: [], logs: [] };
    let a = await p.invoke(event);
    while (a.type === 'CHUNK') {
      out.chunks.push({ head: a.head, payload: a.payload });
      out.logs.push(...a.logs);
      a = await p.until();
    }
    out.logs.push(...a.logs);
    out.end = a;
    out.body = Buffer.concat(out.chunks.map((c) => c.payload));
    return out;
  };
  await t.test('chunks', withFunction(`
    exports.h = awslambda.streamifyResponse(async (event, stream, context) => {
      stream.setContentType('text/plain');
      stream.write('one '); stream.write(Buffer.from([0xff, 0]));
      console.log('between');
      await new Promise((r) => setTimeout(r, 5));
      stream.end('two');
    });
  `, 'index.h', async (p) => {
    for (let i = 0; i < 2; i++) {
      const s = await collect(p, 1);
      assert.strictEqual(s.end.type, 'END');
      assert.strictEqual(s.chunks[0].head, 'text/plain');
      assert.strictEqual(s.body.toString('latin1'), 'one \xff\0two');
      assert.ok(s.chunks.length >= 2 && s.logs.length === 1);
    }
  }));
  await t.test('pipeline and HTTP metadata', withFunction(`
    const { pipeline } = require('stream/promises'); const { Readable } = require('stream');
    exports.h = awslambda.streamifyResponse(async (event, stream) => {
      stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
      await pipeline(Readable.from(['x'.repeat(200000), 'y'.repeat(200000)]), stream);
    });
  `, 'index.h', async (p) => {
    const s = await collect(p, 1);
    assert.strictEqual(s.end.type, 'END');
    assert.strictEqual(s.chunks[0].head, 'application/vnd.awslambda.http-integration-response');
    assert.strictEqual(s.body.toString(), '{"statusCode":201,"headers":{"a":"b"}}' + '\0'.repeat(8) + 'x'.repeat(200000) + 'y'.repeat(200000));
  }));
  await t.test('nothing written', withFunction('exports.h = awslambda.streamifyResponse(async () => {})', 'index.h', async (p) => {
    const s = await collect(p, 1);
    assert.deepStrictEqual([s.end.type, s.body.length, s.chunks[0].head], ['END', 0, 'application/octet-stream']);
  }));
  await t.test('metadata only', withFunction(`exports.h = awslambda.streamifyResponse(async (e, s) => { awslambda.HttpResponseStream.from(s, { statusCode: 204 }).end(); })`, 'index.h', async (p) => {
    const s = await collect(p, 1);
    assert.deepStrictEqual([s.end.type, s.body.toString()], ['END', '{"statusCode":204}' + '\0'.repeat(8)]);
  }));
  await t.test('fails at once', withFunction(`exports.h = awslambda.streamifyResponse(async () => { throw new Error('early') })`, 'index.h', async (p) => {
    const s = await collect(p, 1);
    assert.deepStrictEqual([s.end.type, s.chunks.length, s.end.head], ['ERROR', 0, 'Error']);
    assert.strictEqual((await collect(p, 1)).end.type, 'ERROR');
  }));
  await t.test('fails late', withFunction(`exports.h = awslambda.streamifyResponse(async (e, s) => { s.write('part'); await new Promise((r) => setTimeout(r, 5)); throw new TypeError('late') })`, 'index.h', async (p) => {
    const s = await collect(p, 1);
    assert.deepStrictEqual([s.body.toString(), s.end.type, s.end.head], ['part', 'ERROR', 'TypeError']);
    assert.strictEqual((await collect(p, 1)).end.type, 'ERROR');
  }));
  await t.test('writes after the end change nothing', withFunction(`
    let kept;
    exports.h = awslambda.streamifyResponse(async (e, s) => { if (kept) { try { kept.write('old'); } catch {} } kept = s; s.on('error', () => {}); s.end('new'); })
  `, 'index.h', async (p) => {
    assert.strictEqual((await collect(p, 1)).body.toString(), 'new');
    assert.strictEqual((await collect(p, 1)).body.toString(), 'new');
  }));
});

test('end', async (t) => {
  await t.test('stop', withFunction(`process.on('exit', () => process.stdout.write('at exit')); exports.h = () => {}`, 'index.h', async (p) => {
    p.send(TYPE.STOP, 0, '', '');
    const a = await p.until();
    assert.deepStrictEqual([a.type, texts(a)], ['CLOSED', ['at exit']]);
    assert.strictEqual(await p.exited, 0);
  }));
  await t.test('SIGTERM', withFunction('setInterval(() => {}, 1000); exports.h = () => {}', 'index.h', async (p) => {
    p.child.kill('SIGTERM');
    assert.strictEqual(await p.exited, 'SIGTERM');
  }));
  await t.test('the platform is gone', withFunction('setInterval(() => {}, 1000); exports.h = () => {}', 'index.h', async (p) => {
    p.socket.destroy();
    assert.strictEqual(await p.exited, 1);
  }));
  await t.test('a crash between invocations', withFunction(`exports.h = async () => { setTimeout(() => { throw new Error('later') }, 20) }`, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, 'null');
    const a = await p.until();
    assert.strictEqual(a.type, 'CLOSED');
    assert.match(texts(a)[0], /Uncaught Exception/);
    assert.strictEqual(await p.exited, 129);
  }));
});
