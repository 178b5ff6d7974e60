"""The other end of a bootstrap's socket, for tests: starts a process with code
of the test's own and speaks frames to it."""
import collections
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOOTSTRAP = os.path.join(os.path.dirname(HERE), "bootstrap.py")
NAMES = ("", "INIT", "READY", "INVOKE", "RESPONSE", "CHUNK", "END", "ERROR", "LOG", "PING", "PONG", "STOP", "HOOK",
         "DONE", "WINDOW")

Frame = collections.namedtuple("Frame", "type flags stream head payload")
Log = collections.namedtuple("Log", "stream level text")
Answer = collections.namedtuple("Answer", "type flags stream head text logs json")


class Platform(object):
    def __init__(self, files, env=None, flags=()):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="ebb-python-test-"))
        for name, code in files.items():
            path = os.path.join(self.dir, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(code)
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(30)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        environment.update(env or {})
        fd = theirs.fileno()

        def child():
            os.dup2(fd, 3)

        self.process = subprocess.Popen(
            [sys.executable] + list(flags) + [BOOTSTRAP], cwd=self.dir, env=environment, preexec_fn=child, close_fds=True,
            pass_fds=[3], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        theirs.close()
        self.raw = b""
        self.reader = threading.Thread(target=self._read_raw, daemon=True)
        self.reader.start()
        self.stream = 0

    def _read_raw(self):
        for line in self.process.stdout:
            self.raw += line

    def send(self, kind, stream, head, payload):
        head, payload = head.encode("utf-8"), payload.encode("utf-8") if isinstance(payload, str) else payload
        self.socket.sendall(struct.pack(
            ">IBBHI", len(head) + len(payload), NAMES.index(kind), 0, len(head), stream) + head + payload)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            got = self.socket.recv(n - len(data))
            if not got:
                return None
            data += got
        return data

    def receive(self):
        try:
            header = self._exactly(12)
        except ConnectionResetError:
            header = None
        if header is None:
            return Frame("CLOSED", 0, 0, "", b"")
        body, kind, flags, head, stream = struct.unpack(">IBBHI", header)
        data = self._exactly(body)
        return Frame(NAMES[kind], flags, stream, data[:head].decode("utf-8"), data[head:])

    def until(self):
        """The first frame that is not a log line, and the lines before it."""
        logs = []
        while True:
            f = self.receive()
            if f.type != "LOG":
                text = f.payload.decode("utf-8")
                return Answer(f.type, f.flags, f.stream, f.head, text, logs,
                              json.loads(text) if f.type in ("RESPONSE", "ERROR") else None)
            logs.append(Log(f.stream, f.head, f.payload.decode("utf-8", "backslashreplace")))

    def init(self, handler, env=None, **more):
        environment = {
            "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s", "TZ": ":UTC",
        }
        environment.update(env or {})
        doc = {"handler": handler, "taskRoot": self.dir, "env": environment, "maxResponse": 6291556,
               "arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
        doc.update(more)
        self.send("INIT", 0, "", json.dumps(doc))
        return self.until()

    def invoke(self, event=None, request_id=None, deadline=None, arn="", trace="", client="", raw=None):
        self.stream += 1
        head = "\n".join([request_id or "req-{}".format(self.stream),
                          str(deadline or int(time.time() * 1000) + 60000), arn, trace, client])
        self.send("INVOKE", self.stream, head, raw if raw is not None else json.dumps(event))
        return self.until()

    def wait(self):
        """The exit status, as subprocess tells it."""
        code = self.process.wait(30)
        self.reader.join(30)
        return code

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # the function's children too
        except ProcessLookupError:
            pass
        self.process.wait()
        self.reader.join(30)
        self.process.stdout.close()
        self.socket.close()
        shutil.rmtree(self.dir, ignore_errors=True)
