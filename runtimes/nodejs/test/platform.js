// The other end of a bootstrap's socket, for tests: starts a process with code
// of the test's own and speaks frames to it.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { TYPE } = require('../channel.js');

const NAMES = Object.fromEntries(Object.entries(TYPE).map(([name, n]) => [n, name]));

class Platform {
  // start writes files into a directory of its own and starts the bootstrap.
  constructor(files, { env = {} } = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ebb-node-test-'));
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(this.dir, name)), { recursive: true });
      fs.writeFileSync(path.join(this.dir, name), text);
    }
    this.child = spawn(process.execPath, [path.join(__dirname, '..', 'bootstrap.js')], {
      cwd: this.dir, env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.raw = '';
    this.child.stdout.on('data', (d) => { this.raw += d; });
    this.child.stderr.on('data', (d) => { this.raw += d; });
    this.exited = new Promise((resolve) => this.child.on('close', (code, signal) => resolve(signal || code)));
    this.socket = this.child.stdio[3];
    this.buf = Buffer.alloc(0);
    this.frames = [];
    this.waiting = [];
    this.stream = 0;
    this.socket.on('data', (d) => this.feed(d));
    this.socket.on('close', () => this.push({ type: 'CLOSED' }));
    this.socket.on('error', () => {}); // 'close' follows
  }

  feed(data) {
    this.buf = Buffer.concat([this.buf, data]);
    while (this.buf.length >= 12 && this.buf.length >= 12 + this.buf.readUInt32BE(0)) {
      const body = this.buf.readUInt32BE(0);
      const head = this.buf.readUInt16BE(6);
      this.push({
        type: NAMES[this.buf[4]], flags: this.buf[5], stream: this.buf.readUInt32BE(8),
        head: this.buf.toString('utf8', 12, 12 + head), payload: this.buf.subarray(12 + head, 12 + body),
      });
      this.buf = this.buf.subarray(12 + body);
    }
  }

  push(frame) {
    const resolve = this.waiting.shift();
    if (resolve) {
      resolve(frame);
    } else {
      this.frames.push(frame);
    }
  }

  next() {
    return this.frames.length > 0 ? Promise.resolve(this.frames.shift()) : new Promise((r) => this.waiting.push(r));
  }

  bytes(type, stream, head, payload) {
    const h = Buffer.from(head);
    const p = Buffer.from(payload);
    const b = Buffer.alloc(12);
    b.writeUInt32BE(h.length + p.length, 0);
    b[4] = type;
    b.writeUInt16BE(h.length, 6);
    b.writeUInt32BE(stream, 8);
    return Buffer.concat([b, h, p]);
  }

  send(type, stream, head, payload) {
    this.socket.write(this.bytes(type, stream, head, payload));
  }

  // until collects frames up to the first that is not a log line.
  async until() {
    const logs = [];
    for (;;) {
      const frame = await this.next();
      if (frame.type !== 'LOG') {
        return { ...frame, text: frame.payload && frame.payload.toString(), logs };
      }
      logs.push({ stream: frame.stream, level: frame.head, text: frame.payload.toString('latin1') });
    }
  }

  init(handler, init = {}) {
    this.send(TYPE.INIT, 0, '', JSON.stringify({
      handler, taskRoot: this.dir, arn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
      env: {
        AWS_LAMBDA_FUNCTION_NAME: 'f', AWS_LAMBDA_FUNCTION_VERSION: '$LATEST', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f', AWS_LAMBDA_LOG_STREAM_NAME: 's', ...init.env,
      },
      maxResponse: 6291556, maxStream: 1 << 20, ...init.limits,
    }));
    return this.until();
  }

  invoke(event, { id = `req-${this.stream + 1}`, deadline = Date.now() + 60_000, arn = '', trace = '', client = '', raw } = {}) {
    this.stream++;
    this.send(TYPE.INVOKE, this.stream, [id, deadline, arn, trace, client].join('\n'), raw === undefined ? JSON.stringify(event) : raw);
    return this.until();
  }

  async stop() {
    this.child.kill('SIGKILL');
    await this.exited;
    this.socket.destroy();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

// withFunction runs body against a started function and cleans up after it.
function withFunction(files, handler, body, options = {}) {
  return async () => {
    const p = new Platform(typeof files === 'string' ? { 'index.js': files } : files, options);
    try {
      const ready = await p.init(handler, options);
      await body(p, ready);
    } finally {
      await p.stop();
    }
  };
}

module.exports = { Platform, withFunction, TYPE };
