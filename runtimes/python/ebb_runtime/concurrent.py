"""Several invocations in flight in one process.

A handler that is a coroutine function runs on one event loop, with all others of
its kind; nothing runs at the same time. Any other handler runs on a thread per
invocation in flight, and has to be safe for that."""
import functools
import os
import queue
import sys
import threading

from . import channel as frames
from .context import Context
from .instance import decode, encode

try:
    from contextvars import ContextVar
except ImportError:  # Python 3.6
    ContextVar = None

NOBODY = (0, None)


class Local(threading.local):
    """A ContextVar, as far as threads go."""
    value = NOBODY

    def get(self):
        return self.value

    def set(self, value):
        self.value = value


def server(instance):
    """Returns what serves the instance until the conversation ends."""
    handler = instance.handler
    coroutine = is_coroutine_function(handler) or is_coroutine_function(getattr(handler, "__call__", None))
    instance.output.latest = NOBODY
    if ContextVar is None:
        instance.output.running = Local()
        coroutine = False  # a thread has a loop of its own
    else:
        instance.output.running = ContextVar("ebb_invocation", default=NOBODY)
    return (Loop if coroutine else Threads)(instance)


def is_coroutine_function(f):
    """As inspect has it, whose import takes longer than all else here."""
    while True:
        f = getattr(f, "__func__", f)  # of a method
        if not isinstance(f, functools.partial):
            break
        f = f.func
    return bool(getattr(getattr(f, "__code__", None), "co_flags", 0) & 0x80)  # CO_COROUTINE


class Server(object):
    def __init__(self, instance):
        self.instance = instance
        self.channel = instance.channel
        self.output = instance.output

    def begin(self, stream, head):
        """Makes what runs now the invocation's, and returns its id and context."""
        request_id, deadline, arn, _, client_context = head.split("\n", 4)
        self.output.running.set((stream, request_id))
        instance = self.instance
        return request_id, Context(instance.fixed, request_id, int(deadline or 0), arn or instance.arn, client_context)

    def frame(self, kind, stream, head, payload):
        if kind == frames.INVOKE:
            self.invoke(stream, head, payload)
        elif kind == frames.HOOK:
            self.hook(*head.split("\n"))
        elif kind != frames.WINDOW:
            self.instance.handle(kind, stream, head, payload)

    def failed(self, stream, request_id, exc):
        self.instance.settle()
        self.instance.fail(stream, request_id, exc)

    def answer(self, stream, request_id, result):
        """Returns the frame that answers, or None if the answer was an error."""
        instance = self.instance
        try:
            answer = encode(result)
            if len(answer) > instance.max_response:
                raise instance.too_large()
        except Exception as e:  # pylint: disable=broad-except
            self.failed(stream, request_id, e)
            return None
        instance.settle()
        self.output.flush_of(stream)
        return frames.frame(frames.RESPONSE, stream, b"", answer)


class Loop(Server):
    """All on one event loop."""

    def __init__(self, instance):
        Server.__init__(self, instance)
        import asyncio  # takes 50 ms, which threads need not wait for
        self.asyncio = asyncio
        if instance.loop is None or instance.loop.is_closed():
            instance.loop = asyncio.new_event_loop()
        self.loop = instance.loop
        asyncio.set_event_loop(self.loop)
        self.tasks = set()  # the loop itself holds them only weakly
        self.answers = []
        self.reading = False
        self.first_step = None
        self.eager = self.can_be_eager()

    def serve(self):
        self.loop.add_reader(self.channel.fd, self.readable)
        self.loop.run_forever()

    def readable(self):
        channel = self.channel
        self.reading = True
        while True:
            frame = channel.read()
            if frame is None:
                os._exit(1)  # the platform is gone
            self.frame(*frame)
            if not channel.whole():
                break
        self.reading = False
        if self.answers:
            self.flush()

    def invoke(self, stream, head, payload):
        try:
            event = decode(payload)
        except Exception as e:  # pylint: disable=broad-except
            self.failed(stream, head.split("\n", 1)[0], e)
            return
        self.start(self.run(stream, head, event))

    def can_be_eager(self):
        """Whether a task's first step can run at once instead of in the loop's next
        round, which for a handler that does not wait is all there is. Before Python
        3.12 has it the step is caught on its way to the loop."""
        if sys.version_info >= (3, 12):
            return True
        try:
            self.loop.call_soon = self.loop.call_soon
            del self.loop.call_soon
            return True
        except AttributeError:
            return False  # not Python's own loop

    def start(self, coroutine):
        if not self.eager:
            task = self.loop.create_task(coroutine)
        elif sys.version_info >= (3, 12):
            task = self.asyncio.Task(coroutine, loop=self.loop, eager_start=True)
        else:
            self.loop.call_soon = self.catch
            try:
                task = self.asyncio.Task(coroutine, loop=self.loop)
            finally:
                del self.loop.call_soon
            step, args, context = self.first_step
            context.run(step, *args)
        if not task.done():
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def catch(self, step, *args, context=None):
        self.first_step = (step, args, context)

    async def run(self, stream, head, event):
        request_id, context = self.begin(stream, head)
        try:
            result = await self.instance.handler(event, context)
        except SystemExit:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.failed(stream, request_id, e)
            return
        answer = self.answer(stream, request_id, result)
        if answer is not None:
            self.answers.append(answer)
            if len(self.answers) == 1 and not self.reading:  # with the others that are ready
                self.loop.call_soon(self.flush)

    def flush(self):
        """Sends all answers that wait in one write."""
        answers, self.answers = self.answers, []
        if answers:
            self.channel.write(b"".join(answers))

    def hook(self, name, deadline):
        self.start(self.run_hook(name, deadline))

    async def run_hook(self, name, deadline):
        try:
            result = self.instance.call_hook(name, deadline)
            if hasattr(result, "__await__"):
                await result
        except SystemExit:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.instance.hooked(e)
            return
        self.instance.hooked(None)


class Threads(Server):
    """Each on a thread. There are never more than invocations were in flight."""

    def __init__(self, instance):
        Server.__init__(self, instance)
        self.work = queue.Queue() if sys.version_info < (3, 7) else queue.SimpleQueue()
        self.lock = threading.Lock()
        self.threads = 0
        self.load = 0  # invocations in flight
        self.local = threading.local()

    def serve(self):
        while True:
            frame = self.channel.read()
            if frame is None:
                if self.instance.exiting:
                    raise self.instance.exiting
                os._exit(1)  # the platform is gone
            self.frame(*frame)

    def invoke(self, stream, head, payload):
        self.work.put((stream, head, bytes(payload)))
        with self.lock:
            self.load += 1
            if self.load <= self.threads or self.threads >= self.instance.places:
                return
            self.threads += 1
        threading.Thread(target=self.run, name="ebb-{}".format(self.threads), daemon=True).start()

    def run(self):
        while True:
            stream, head, payload = self.work.get()
            try:
                answer = self.one(stream, head, payload)
            except SystemExit as e:
                # Only the main thread can end the process in order.
                self.instance.exiting = e
                self.channel.end()
                return
            finally:
                with self.lock:  # before the platform sends the next one for this place
                    self.load -= 1
            self.output.running.set(NOBODY)
            if answer is not None:
                self.channel.write(answer)

    def one(self, stream, head, payload):
        request_id = head.split("\n", 1)[0]
        try:
            request_id, context = self.begin(stream, head)
            result = self.instance.handler(decode(payload), context)
            if hasattr(result, "__await__"):
                result = self.wait(result)
        except SystemExit:
            raise
        except BaseException as e:  # pylint: disable=broad-except
            self.failed(stream, request_id, e)
            return None
        return self.answer(stream, request_id, result)

    def wait(self, awaitable):
        """Runs a coroutine on the thread's own loop."""
        import asyncio
        loop = getattr(self.local, "loop", None)
        if loop is None or loop.is_closed():
            loop = self.local.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
        return loop.run_until_complete(awaitable)

    def hook(self, name, deadline):
        self.instance.hook(name, deadline)
