// A process that waits uses the time: it plays a function of its own through the
// same code, so that modules are loaded and functions compiled when a version
// comes. It changes nothing that a function sees.
'use strict';

const path = require('path');
const { Instance } = require('./instance.js');

const ROUNDS = 5;
const HEAD = 'id\n4102444800000\n\n\n';
const EVENT = '{"body":"text","list":[1,2.5,null,true]}';

// NOBODY takes what is sent.
const NOBODY = { send: () => true, sendSoon: () => true, ref() {}, unref() {} };

// rehearse returns a promise of its end.
async function rehearse() {
  const streaming = require('./streaming.js');
  const instance = new Instance(NOBODY);
  instance.output = { flush() {} };
  const file = path.join(__dirname, 'rehearsed.js');
  instance.handler = await require('./load.js').load(path.dirname(file), 'rehearsed.handler');
  instance.streaming = streaming.isStreaming(instance.handler);
  delete require.cache[file];
  const frame = Buffer.from(HEAD + EVENT);
  for (let stream = 1; stream <= ROUNDS; stream++) {
    instance.invoke(stream, HEAD, frame, 0, HEAD.length, frame.length);
    await null; // the handler's promise comes first
  }
}

module.exports = { rehearse };
