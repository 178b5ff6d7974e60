"""What the function prints and logs, sent as log frames of the request that is
running. Whole lines; a line that has no end leaves with the invocation."""
import io
import json
import logging
import os
import sys
import threading
import time
import traceback

from . import channel as frames

MAX_LINE = 256 * 1024

_LEVELS = {"WARNING": b"WARN", "CRITICAL": b"FATAL", "NOTSET": b""}


class Output(object):
    """Where lines go: to the platform as frames, or once detached (in a forked
    child, or when the process ends) to standard output, which the platform reads
    too."""

    def __init__(self, channel):
        self.channel = channel
        self.latest = (0, None)  # stream and request id of the invocation in flight, or the last one
        self.running = None  # where several may be in flight: that of the code that runs, by get()
        self.detached = False
        self.writers = []

    def current(self):
        """Stream and request id of the invocation whose code runs, as far as that
        can be told."""
        return self.latest if self.running is None else self.running.get()

    def install(self):
        for fd, name in ((1, "stdout"), (2, "stderr")):
            writer = Writer(self, fd)
            self.writers.append(writer)
            setattr(sys, name, writer)
        root = logging.getLogger()
        for old in root.handlers[:]:
            root.removeHandler(old)
        root.addHandler(Handler(self))
        _at_fork(self._fork)

    def line(self, level, text):
        """Sends one entry. text is bytes and may hold line ends."""
        self.line_of(self.current()[0], level, text)

    def line_of(self, stream, level, text):
        if self.detached:
            os.write(1, text + b"\n")
        elif len(text) <= MAX_LINE:
            self.channel.send(frames.LOG, stream, level, text)
        else:
            for at in range(0, len(text), MAX_LINE):
                self.channel.send(frames.LOG, stream, level, text[at:at + MAX_LINE])

    def flush(self):
        for writer in self.writers:
            writer.finish()

    def flush_of(self, stream):
        """As flush, of one invocation among several."""
        for writer in self.writers:
            if writer.partials:
                writer.finish_of(stream)

    def _fork(self):
        self.detached = True
        self.channel.forked()
        for writer in self.writers:
            writer.forked()


def _at_fork(child):
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=child)
        return
    fork = os.fork  # Python 3.6

    def fork_and_tell():
        pid = fork()
        if pid == 0:
            child()
        return pid

    os.fork = fork_and_tell


class Writer(io.TextIOBase):
    """sys.stdout or sys.stderr."""

    def __init__(self, output, fd):
        self._output = output
        self._fd = fd
        # By stream and thread: a line is one's own, whatever the others print.
        self.partials = {}
        self.buffer = BytesWriter(self)

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True
    mode = "w"

    @property
    def name(self):
        return "<stdout>" if self._fd == 1 else "<stderr>"

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        self.write_bytes(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def write_bytes(self, data):
        partials = self.partials
        stream = self._output.current()[0]
        whose = (stream if self._output.running is not None else 0, threading.get_ident())
        # A signal handler may print between any two of these lines.
        data = partials.pop(whose, b"") + data
        if b"\n" in data:
            lines = data.split(b"\n")
            data = lines.pop()
            for line in lines:
                self._output.line(b"", line)
        while len(data) > MAX_LINE:
            self._output.line(b"", data[:MAX_LINE])
            data = data[MAX_LINE:]
        if data:
            partials[whose] = partials.pop(whose, b"") + data

    def finish(self):
        """Sends what has no line end yet."""
        for whose in list(self.partials):
            line = self.partials.pop(whose, b"")
            if line:
                self._output.line_of(whose[0] or self._output.current()[0], b"", line)

    def finish_of(self, stream):
        """As finish, of one invocation among several."""
        for whose in [w for w in list(self.partials) if w[0] == stream]:
            line = self.partials.pop(whose, b"")
            if line:
                self._output.line_of(stream, b"", line)

    def flush(self):
        if self._output.detached:  # nobody finishes the line of a child
            for whose in [w for w in list(self.partials) if w[1] == threading.get_ident()]:
                os.write(self._fd, self.partials.pop(whose, b""))

    def forked(self):
        self.partials.clear()

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def isatty(self):
        return False

    def reconfigure(self, **_):
        """Of io.TextIOWrapper; there is nothing to configure."""


class BytesWriter(io.RawIOBase):
    """sys.stdout.buffer."""

    def __init__(self, text):
        self._text = text

    def write(self, data):
        data = bytes(data)
        self._text.write_bytes(data)
        return len(data)

    def flush(self):
        self._text.flush()

    def writable(self):
        return True

    def fileno(self):
        return self._text.fileno()

    def isatty(self):
        return False


class JSONFormatter(logging.Formatter):
    """Lambda's JSON log format: a record is an object, its extras are fields."""

    _usual = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName", "aws_request_id"}

    def format(self, record):
        entry = {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + ".%03dZ" % record.msecs,
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.aws_request_id:
            entry["requestId"] = record.aws_request_id
        for name, value in vars(record).items():
            if name not in self._usual and name not in entry:
                entry[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            exc = record.exc_info[1]
            entry["errorType"] = type(exc).__name__
            entry["errorMessage"] = str(exc)
            entry["stackTrace"] = traceback.format_tb(record.exc_info[2])
            entry["location"] = "{}:{}:{}".format(record.pathname, record.funcName, record.lineno)
        return json.dumps(entry, default=str)


class Handler(logging.Handler):
    """The root logger's handler: one record is one entry, in Lambda's format."""

    def __init__(self, output):
        logging.Handler.__init__(self)
        self._output = output
        if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
            self.setFormatter(JSONFormatter())
            return
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record):
        try:
            record.aws_request_id = self._output.current()[1] or ""
            level = _LEVELS.get(record.levelname)
            if level is None:
                level = record.levelname.encode("utf-8")[:64]
            self._output.line(level, self.format(record).encode("utf-8", "backslashreplace"))
        except Exception:  # pylint: disable=broad-except
            self.handleError(record)
