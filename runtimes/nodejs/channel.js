// Frames on a stream socket: a header of 12 bytes (body length u32, type u8,
// flags u8, head length u16, stream u32, big-endian), then head, then payload.
'use strict';

const fs = require('fs');
const net = require('net');

const TYPE = Object.freeze({
  INIT: 1, READY: 2, INVOKE: 3, RESPONSE: 4, CHUNK: 5, END: 6, ERROR: 7, LOG: 8, PING: 9, PONG: 10, STOP: 11,
  HOOK: 12, DONE: 13, WINDOW: 14,
});
const FLAG_EXIT = 1;
const HEADER = 12;
const SCRATCH = 64 * 1024;

class Channel {
  constructor(fd) {
    this.fd = fd;
    this.onFrame = null; // (type, stream, buf, headStart, payloadStart, end): valid during the call
    this.onEnd = null;
    this.partial = null; // a frame of which not all has arrived
    this.have = 0;
    this.out = Buffer.allocUnsafeSlow(SCRATCH);
    this.pending = 0; // bytes of out that wait to be written
    this.flushing = () => this.flush();
    this.socket = new net.Socket({
      fd,
      readable: true,
      writable: true,
      onread: { buffer: Buffer.allocUnsafeSlow(SCRATCH), callback: (n, buf) => this.read(buf, n) },
    });
    this.socket.on('end', () => this.onEnd());
    this.socket.on('error', () => this.onEnd());
    this.socket.resume();
  }

  // read takes n new bytes. Frames that are whole in buf are handled where they
  // lie; only a frame that is split over reads is copied.
  read(buf, n) {
    let at = 0;
    if (this.partial !== null) {
      at = this.complete(buf, n);
    }
    while (at < n) {
      const left = n - at;
      const total = left < HEADER ? 0 : HEADER + readUInt32(buf, at);
      if (total === 0 || left < total) {
        this.partial = Buffer.allocUnsafe(Math.max(total, HEADER));
        this.have = buf.copy(this.partial, 0, at, n);
        break;
      }
      this.dispatch(buf, at);
      at += total;
    }
    return true;
  }

  // complete adds to the partial frame and returns how many bytes it took.
  complete(buf, n) {
    let at = 0;
    for (;;) {
      const took = buf.copy(this.partial, this.have, at, n);
      at += took;
      this.have += took;
      if (this.have < this.partial.length) {
        return at;
      }
      const total = HEADER + readUInt32(this.partial, 0);
      if (total > this.partial.length) { // only the header was known to be coming
        const grown = Buffer.allocUnsafe(total);
        this.partial.copy(grown);
        this.partial = grown;
        continue;
      }
      const frame = this.partial;
      this.partial = null;
      this.have = 0;
      this.dispatch(frame, 0);
      return at;
    }
  }

  dispatch(buf, at) {
    const body = readUInt32(buf, at);
    const head = (buf[at + 6] << 8) | buf[at + 7];
    const start = at + HEADER;
    this.onFrame(buf[at + 4], readUInt32(buf, at + 8), buf, start, start + head, start + body);
  }

  // send writes one frame with a text payload, and returns false if the payload
  // is longer than limit bytes: then nothing is sent.
  send(type, flags, stream, head, payload, limit = Infinity) {
    if (!this.add(type, flags, stream, head, payload, limit)) {
      return false;
    }
    this.flush();
    return true;
  }

  // sendSoon is send for a frame that may wait for others until the code that
  // runs now is done: they leave in one system call.
  sendSoon(type, flags, stream, head, payload, limit) {
    const first = this.pending === 0;
    if (!this.add(type, flags, stream, head, payload, limit)) {
      return false;
    }
    if (first && this.pending > 0) {
      process.nextTick(this.flushing);
    }
    return true;
  }

  // add puts a frame behind those that wait, unless it is too large for that.
  add(type, flags, stream, head, payload, limit) {
    const room = HEADER + 3 * (head.length + payload.length); // UTF-8 takes at most 3 bytes a unit
    if (room > SCRATCH - this.pending) {
      this.flush();
    }
    let out = this.out;
    let at = this.pending;
    if (room > SCRATCH) {
      out = Buffer.allocUnsafe(HEADER + Buffer.byteLength(head) + Buffer.byteLength(payload));
      at = 0;
    }
    const h = head === '' ? 0 : out.utf8Write(head, at + HEADER);
    const p = out.utf8Write(payload, at + HEADER + h);
    if (p > limit) {
      return false;
    }
    writeHeader(out, at, h + p, type, flags, h, stream);
    if (out === this.out) {
      this.pending = at + HEADER + h + p;
    } else {
      this.write(out, HEADER + h + p);
    }
    return true;
  }

  // flush writes the frames that wait.
  flush() {
    const n = this.pending;
    if (n > 0) {
      this.pending = 0;
      this.write(this.out, n);
    }
  }

  // sendBytes writes one frame with a binary payload. callback is called when
  // the socket has taken it.
  sendBytes(type, flags, stream, head, payload, callback) {
    this.flush();
    const h = Buffer.byteLength(head);
    const out = Buffer.allocUnsafe(HEADER + h + payload.length);
    writeHeader(out, 0, h + payload.length, type, flags, h, stream);
    out.utf8Write(head, HEADER);
    payload.copy(out, HEADER + h);
    if (callback) {
      this.socket.write(out, callback);
    } else {
      this.write(out, out.length);
    }
  }

  // write sends out[0:n]. Straight to the kernel if nothing waits: that is one
  // system call, without the machinery of a stream, and it is on its way even if
  // the process ends in the next line.
  write(out, n) {
    let done = 0;
    if (this.socket.writableLength === 0) {
      try {
        do {
          done += fs.writeSync(this.fd, out, done, n - done);
        } while (done < n);
        return;
      } catch (err) {
        if (err.code !== 'EAGAIN') {
          this.onEnd();
          return;
        }
      }
    }
    this.socket.write(Buffer.from(out.subarray(done, n))); // out may be the scratch buffer: copy
  }

  // drained calls back when everything sent is with the kernel.
  drained(callback) {
    this.flush();
    if (this.socket.writableLength === 0) {
      callback();
    } else {
      this.socket.write('', callback);
    }
  }

  ref() {
    this.socket.ref();
  }

  unref() {
    this.socket.unref();
  }
}

function readUInt32(b, at) {
  return b[at] * 0x1000000 + ((b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]);
}

function writeHeader(b, at, body, type, flags, head, stream) {
  b[at] = body >>> 24;
  b[at + 1] = body >>> 16;
  b[at + 2] = body >>> 8;
  b[at + 3] = body;
  b[at + 4] = type;
  b[at + 5] = flags;
  b[at + 6] = head >>> 8;
  b[at + 7] = head;
  b[at + 8] = stream >>> 24;
  b[at + 9] = stream >>> 16;
  b[at + 10] = stream >>> 8;
  b[at + 11] = stream;
}

module.exports = { Channel, TYPE, FLAG_EXIT, readUInt32 };
