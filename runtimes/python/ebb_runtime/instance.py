"""One function's life in this process: init once, then invocations, one by one or,
if the platform wants more than one at a time, as concurrent.py has it."""
import importlib
import json
import os
import signal
import sys
import time
from json.encoder import c_make_encoder, encode_basestring_ascii

from . import channel as frames
from .channel import Channel
from .compiled import use as use_compiled
from .context import Context, Fixed
from .errors import Fault, describe, entry
from .hooks import call, load_hooks
from .load import load
from .output import Output


def main(fd):
    channel = Channel(fd)
    instance = Instance(channel)
    signal.signal(signal.SIGTERM, on_term(os.getpid()))
    try:
        while True:
            frame = channel.read()
            if frame is None:
                os._exit(1)  # the platform is gone
            instance.handle(*frame)
            if instance.server:
                instance.server.serve()
    except SystemExit as e:
        # The platform learns it now, however long the function's threads take.
        instance.output.flush()
        if not instance.output.detached:
            channel.close()
            instance.output.detached = True  # later lines go to the pipe
        raise instance.exiting or e


def on_term(pid):
    """SIGTERM ends the process in order, with what atexit has. A forked child has
    inherited this and must not: multiprocessing relies on SIGTERM being deadly."""
    def handler(*_):
        if os.getpid() == pid:
            sys.exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    return handler


class Instance(object):
    def __init__(self, channel):
        self.channel = channel
        self.output = Output(channel)
        self.handler = None
        self.hooks = {}
        self.fixed = None
        self.arn = ""
        self.max_response = sys.maxsize
        self.places = 1  # how many invocations may be in flight
        self.server = None  # of more than one
        self.exiting = None  # the SystemExit of another thread
        self.loop = None
        self.trace_id = ""

    def handle(self, kind, stream, head, payload):
        if kind == frames.INVOKE:
            self.invoke(stream, head, payload)
        elif kind == frames.INIT:
            self.init(json.loads(str(payload, "utf-8")))
        elif kind == frames.HOOK:
            self.hook(*head.split("\n"))
        elif kind == frames.PING:
            self.channel.send(frames.PONG, 0)
        elif kind == frames.STOP:
            sys.exit(0)
        else:
            raise RuntimeError("frame of type {}".format(kind))

    def init(self, init):
        task_root = init["taskRoot"]
        os.environ.update(init["env"])
        time.tzset()
        self.arn = init["arn"]
        self.max_response = init.get("maxResponse") or sys.maxsize
        self.fixed = Fixed(init.get("tenantId"))
        self.output.install()
        version = "python{}.{}".format(*sys.version_info[:2])
        roots = [task_root] + [p for p in (
            "/opt/python", "/opt/python/lib/{}/site-packages".format(version)) if os.path.isdir(p)]
        sys.path[:0] = roots
        if "ebb_runtime.zygote" in sys.modules:  # this process is a copy of another
            sys.modules["ebb_runtime.zygote"].step_aside(roots)
        try:
            os.chdir(task_root)
        except OSError:
            pass  # the handler's module will be missed with a better message
        importlib.invalidate_caches()
        use_compiled(task_root)
        try:
            self.handler = load(init["handler"], task_root)
            self.hooks = load_hooks(task_root)
        except Exception as e:  # pylint: disable=broad-except
            self.fail(0, "", e, frames.FLAG_EXIT)
            sys.exit(1)
        self.output.flush()
        self.places = init.get("concurrency") or 1
        if self.places > 1:
            from .concurrent import server  # only those who need it pay for it
            self.server = server(self)
        self.channel.send(frames.READY, 0, b"", json.dumps({"runtime": "python/" + sys.version.split()[0]}).encode())

    def invoke(self, stream, head, payload):
        """Runs one invocation. head is text: id, deadline, ARN, trace, client
        context, a line each, the last with whatever it has."""
        request_id, deadline, arn, trace_id, client_context = head.split("\n", 4)
        output = self.output
        output.latest = (stream, request_id)
        if trace_id != self.trace_id:
            self.set_trace(trace_id)
        try:
            event = decode(payload)
            context = Context(self.fixed, request_id, int(deadline or 0), arn or self.arn, client_context)
            result = self.handler(event, context)
            if hasattr(result, "__await__"):
                result = self.run(result)
            answer = encode(result)
        except SystemExit:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.settle()
            self.fail(stream, request_id, e)
            return
        self.settle()
        if len(answer) > self.max_response:
            self.fail(stream, request_id, self.too_large())
            return
        output.flush()
        self.channel.send(frames.RESPONSE, stream, b"", answer)

    def too_large(self):
        return Fault(
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size ({} bytes).".format(self.max_response))

    def hook(self, name, deadline):
        """Runs what the function names for a point of its life, if anything."""
        self.output.latest = (0, None)
        try:
            result = self.call_hook(name, deadline)
            if hasattr(result, "__await__"):
                self.run(result)
        except SystemExit:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.hooked(e)
            return
        self.hooked(None)

    def call_hook(self, name, deadline):
        if name not in self.hooks:
            return None
        return call(self.hooks[name], Context(self.fixed, "", int(deadline or 0), self.arn, ""))

    def hooked(self, exc):
        self.settle()
        self.output.flush()
        if exc is not None:
            self.fail(0, "", exc)
        else:
            self.channel.send(frames.DONE, 0)

    def settle(self):
        """A forked child that comes back from the handler has nobody to answer."""
        if self.output.detached:
            for writer in self.output.writers:
                writer.flush()
            os._exit(0)

    def set_trace(self, trace_id):
        self.trace_id = trace_id
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)

    def run(self, awaitable):
        """Runs a coroutine on a loop that lives as long as the process, so that
        clients made in one invocation work in the next."""
        import asyncio  # only those who need it pay for it
        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop.run_until_complete(awaitable)

    def fail(self, stream, request_id, exc, flags=0):
        error_type, message, trace, document = describe(exc, request_id)
        if len(document) > self.max_response:
            error_type, message, trace, document = describe(
                Fault("Function.ResponseSizeTooLarge", "The error document is too large."), request_id)
        self.output.line_of(
            stream, b"ERROR", entry(request_id, error_type, message, trace).encode("utf-8", "backslashreplace"))
        if self.places == 1:
            self.output.flush()
        else:
            self.output.flush_of(stream)
        self.channel.send(frames.ERROR, stream, error_type.encode("utf-8")[:1024], document, flags)


def decode(payload):
    if not len(payload):
        return None
    try:
        text = str(payload, "utf-8")
        try:
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except (StopIteration, ValueError):
            pass
        return json.loads(text)  # space around it, or it is wrong: this says how
    except ValueError as e:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: {}".format(e))


def _default(value):
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type {} is not JSON serializable".format(type(value).__name__))


_scan = json.JSONDecoder().scan_once
_encode = json.JSONEncoder(default=_default).encode
# What _encode makes anew each time. This one does not look for circles: those
# end in a RecursionError.
_iterate = c_make_encoder and c_make_encoder(
    None, _default, encode_basestring_ascii, None, ": ", ", ", False, False, True)


def encode(result):
    try:
        if _iterate is not None:
            try:
                return "".join(_iterate(result, 0)).encode("ascii")
            except Exception:  # pylint: disable=broad-except
                pass  # said better by the other
        return _encode(result).encode("ascii")
    except Exception as e:  # pylint: disable=broad-except
        raise Fault("Runtime.MarshalError", "Unable to marshal response: {}".format(e))
