"""Frames on a stream socket: a header of 12 bytes (body length u32, type u8,
flags u8, head length u16, stream u32, big-endian), then head, then payload."""
import collections
import os
import struct
import threading

INIT, READY, INVOKE, RESPONSE, CHUNK, END, ERROR, LOG, PING, PONG, STOP, HOOK, DONE, WINDOW = range(1, 15)
FLAG_EXIT = 1

_HEADER = struct.Struct(">IBBHI")
_SIZE = _HEADER.size
_unpack = _HEADER.unpack_from
_BUFFER = 64 * 1024


def frame(kind, stream, head=b"", payload=b"", flags=0):
    return _HEADER.pack(len(head) + len(payload), kind, flags, len(head), stream) + head + payload


class Channel(object):
    """One end of the socket. Any thread may send; one thread reads."""

    def __init__(self, fd):
        self.fd = fd
        os.set_inheritable(fd, False)  # the function's children must not keep the socket open
        os.set_blocking(fd, True)
        self._lock = threading.RLock()  # a signal handler may print
        self._writing = False
        self._waiting = collections.deque()
        self._buf = bytearray(_BUFFER)
        self._view = memoryview(self._buf)
        self._r = self._w = 0

    def read(self):
        """Returns (type, stream, head, payload), head as text. payload is a
        memoryview that is valid until the next read. None at the end."""
        if self._w - self._r < _SIZE and not self._fill(_SIZE):
            return None
        body, kind, _, head, stream = _unpack(self._buf, self._r)
        self._r += _SIZE
        end = self._r + body
        if end <= self._w:  # all of it is there
            frame = self._view[self._r:end]
            self._r = end
        elif body <= _BUFFER:
            if not self._fill(body):
                return None
            frame = self._view[self._r:self._r + body]
            self._r += body
        else:
            frame = self._large(body)
            if frame is None:
                return None
        return kind, stream, str(frame[:head], "utf-8"), frame[head:]

    def end(self):
        """Has read return None from now on, in whatever thread it waits. A signal
        would not do: one that comes just before the thread waits is not seen."""
        import socket  # pylint: disable=import-outside-toplevel
        with socket.socket(fileno=os.dup(self.fd)) as s:
            s.shutdown(socket.SHUT_RD)

    def whole(self):
        """True if the next frame is buffered completely."""
        have = self._w - self._r - _SIZE
        return have >= 0 and have >= _unpack(self._buf, self._r)[0]

    def _fill(self, n):
        """Buffers at least n bytes, n <= _BUFFER, usually with one system call."""
        if self._r == self._w:
            self._r = self._w = 0
        elif self._r + n > _BUFFER:
            rest = bytes(self._view[self._r:self._w])
            self._r, self._w = 0, len(rest)
            self._buf[:self._w] = rest
        while self._w - self._r < n:
            got = self._read_into(self._view[self._w:])
            if not got:
                return False
            self._w += got
        return True

    def _large(self, n):
        frame = memoryview(bytearray(n))
        have = self._w - self._r
        frame[:have] = self._view[self._r:self._w]
        self._r = self._w = 0
        while have < n:
            got = self._read_into(frame[have:])
            if not got:
                return None
            have += got
        return frame

    if hasattr(os, "readv"):
        def _read_into(self, view):
            return os.readv(self.fd, [view])
    else:
        def _read_into(self, view):
            data = os.read(self.fd, len(view))
            view[:len(data)] = data
            return len(data)

    def send(self, kind, stream, head=b"", payload=b"", flags=0):
        """Writes one frame, usually with one system call."""
        self.write(frame(kind, stream, head, payload, flags))

    def write(self, frame):
        """Writes a frame, or several."""
        with self._lock:
            self._waiting.append(frame)
            if self._writing:  # a signal handler, in the middle of the write below
                return
            self._writing = True
            try:
                while self._waiting:
                    self._write(self._waiting.popleft())
            finally:
                self._writing = False

    def _write(self, frame):
        sent = os.write(self.fd, frame)
        if sent < len(frame):
            rest = memoryview(frame)
            while sent < len(frame):
                sent += os.write(self.fd, rest[sent:])

    def close(self):
        os.close(self.fd)

    def forked(self):
        """Called in a forked child: the conversation stays the parent's."""
        self.close()
        self.fd = -1
