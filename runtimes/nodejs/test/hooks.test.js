// Code that runs at points of an instance's life, and several invocations in one.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const { Platform, withFunction, TYPE } = require('./platform.js');

const texts = (a) => a.logs.map((l) => l.text);

function hook(p, name) {
  p.send(TYPE.HOOK, 0, `${name}\n${Date.now() + 10_000}`, '');
  return p.until();
}

test('hooks', async (t) => {
  await t.test('each runs when its time has come', withFunction({
    'index.js': `exports.seen = []; exports.h = async () => exports.seen;
      exports.begin = () => { exports.seen.push('begin'); process.stdout.write('beginning'); };`,
    'hooks.mjs': `import index from './index.js';
      export const freeze = async () => { await new Promise((r) => setTimeout(r, 5)); index.seen.push('freeze'); };
      export function stop(context) { index.seen.push([this === undefined, context.getRemainingTimeInMillis() > 5000]); };`,
  }, 'index.h', async (p) => {
    assert.strictEqual((await p.invoke(1)).text, '[]');
    const a = await hook(p, 'initializer');
    assert.deepStrictEqual([a.type, a.stream, texts(a)], ['DONE', 0, ['beginning']]);
    assert.strictEqual((await hook(p, 'pre-freeze')).type, 'DONE');
    assert.strictEqual((await hook(p, 'pre-stop')).type, 'DONE');
    assert.deepStrictEqual(JSON.parse((await p.invoke(1)).text), ['begin', 'freeze', [true, true]]);
  }, { env: { EBB_INITIALIZER: 'index.begin', EBB_PRE_FREEZE: 'hooks.freeze', EBB_PRE_STOP: 'hooks.stop' } }));
  await t.test('what is not named does nothing', withFunction('exports.h = async (e) => e', 'index.h', async (p) => {
    for (const name of ['initializer', 'pre-freeze', 'pre-stop']) {
      assert.strictEqual((await hook(p, name)).type, 'DONE');
    }
    assert.strictEqual((await p.invoke(1)).text, '1');
  }));
  await t.test('a failure is told and ends nothing', withFunction(
    `exports.h = async (e) => e; exports.begin = async () => { throw new RangeError('no database') }`, 'index.h', async (p) => {
      for (let i = 0; i < 2; i++) {
        const a = await hook(p, 'initializer');
        assert.deepStrictEqual([a.type, a.stream, a.head, JSON.parse(a.text).errorMessage], ['ERROR', 0, 'RangeError', 'no database']);
      }
      assert.strictEqual((await p.invoke(1)).text, '1');
    }, { env: { EBB_INITIALIZER: 'index.begin' } }));
  for (const [name, want] of [['index.nothing', 'Runtime.HandlerNotFound'], ['nowhere.x', 'Runtime.ImportModuleError'], ['index', 'Runtime.MalformedHandlerName']]) {
    await t.test(`${name} is found to lead nowhere at once`, async () => {
      const p = new Platform({ 'index.js': 'exports.h = async (e) => e' });
      try {
        const a = await p.init('index.h', { env: { EBB_PRE_FREEZE: name } });
        assert.deepStrictEqual([a.type, a.head], ['ERROR', want]);
        assert.strictEqual(await p.exited, 1);
      } finally {
        await p.stop();
      }
    });
  }
});

test('several at once', async (t) => {
  const limits = { concurrency: 8, window: 65536 };

  // all sends all invocations before any answer, and returns the answers in the
  // order in which they come.
  async function all(p, events) {
    for (const event of events) {
      p.stream++;
      p.send(TYPE.INVOKE, p.stream, [`req-${p.stream}`, Date.now() + 60_000, '', '', ''].join('\n'), JSON.stringify(event));
    }
    const answers = [];
    for (const _ of events) {
      answers.push(await p.until());
    }
    return answers;
  }

  await t.test('one that waits holds up nobody', withFunction(
    'exports.h = async (e, c) => { await new Promise((r) => setTimeout(r, e)); return c.awsRequestId; }', 'index.h', async (p) => {
      const answers = await all(p, [300, 0, 100]);
      assert.deepStrictEqual(answers.map((a) => [a.stream, a.text]), [[2, '"req-2"'], [3, '"req-3"'], [1, '"req-1"']]);
    }, { limits }));
  await t.test('lines are those of the code that prints', withFunction(
    `exports.h = async (e) => { console.log('begin ' + e); await new Promise((r) => setTimeout(r, 5 * (8 - e)));
      await null; console.log('end ' + e); process.stdout.write('no line end ' + e); };`, 'index.h', async (p) => {
      const answers = await all(p, [0, 1, 2, 3, 4, 5, 6, 7]);
      const lines = answers.flatMap((a) => a.logs);
      assert.strictEqual(lines.length, 24);
      for (const l of lines) {
        assert.strictEqual(+l.text.trim().slice(-1), l.stream - 1, `${l.stream}: ${l.text}`);
      }
    }, { limits }));
  await t.test('one that fails fails alone', withFunction(
    `exports.h = async (e) => { await null; if (e === 1) { throw new TypeError('mine'); } return e; }`, 'index.h', async (p) => {
      const answers = await all(p, [0, 1, 2]);
      assert.deepStrictEqual(answers.map((a) => [a.stream, a.type, a.head]).sort(), [[1, 'RESPONSE', ''], [2, 'ERROR', 'TypeError'], [3, 'RESPONSE', '']]);
    }, { limits }));
  await t.test('hooks too', withFunction('let n = 0; exports.begin = () => { n = 7 }; exports.h = async () => n', 'index.h', async (p) => {
    assert.strictEqual((await hook(p, 'initializer')).type, 'DONE');
    assert.strictEqual((await p.invoke(1)).text, '7');
  }, { limits, env: { EBB_INITIALIZER: 'index.begin' } }));
});
