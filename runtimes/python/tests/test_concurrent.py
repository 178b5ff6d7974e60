"""Several invocations in flight on one event loop."""
import json
import struct
import sys
import time
import unittest

from tests.platform import NAMES
from tests.test_bootstrap import Case


@unittest.skipIf(sys.version_info < (3, 7), "a thread for each has no loop to share")
class OnALoop(Case):
    def start(self, code, **more):
        return super(OnALoop, self).start("import asyncio, contextvars\n" + code, concurrency=8, window=65536, **more)

    def all(self, p, events):
        """Sends all in one write and returns the answers by number, in order of arrival."""
        frames = b""
        for stream, event in enumerate(events, 1):
            head = "\n".join(["req-{}".format(stream), str(int(time.time() * 1000) + 60000), "", "", ""]).encode()
            payload = event if isinstance(event, bytes) else json.dumps(event).encode()
            frames += struct.pack(">IBBHI", len(head) + len(payload), NAMES.index("INVOKE"), 0, len(head), stream) + head + payload
        p.socket.sendall(frames)
        answers = [p.until() for _ in events]
        return {a.stream: a for a in answers}, [a.stream for a in answers]

    def test_all_of_a_batch(self):
        p = self.start("async def h(e, c): return [e, c.aws_request_id]")
        answers, order = self.all(p, list(range(8)))
        self.assertEqual([answers[n].json for n in range(1, 9)], [[n - 1, "req-{}".format(n)] for n in range(1, 9)])
        self.assertEqual(order, sorted(order))

    def test_one_that_waits_holds_up_nobody(self):
        p = self.start("async def h(e, c):\n    await asyncio.sleep(e)\n    return e")
        answers, order = self.all(p, [0.3, 0, 0.1])
        self.assertEqual(order, [2, 3, 1])
        self.assertEqual(answers[1].json, 0.3)

    def test_each_is_one_task_with_a_context_of_its_own(self):
        p = self.start(
            "seen = contextvars.ContextVar('seen', default=None)\n"
            "async def h(e, c):\n"
            "    before, task = seen.get(), asyncio.current_task()\n"
            "    seen.set(e)\n"
            "    await asyncio.sleep(0.01 * e)\n"
            "    return [before, seen.get() == e, task is not None and task is asyncio.current_task(), task in asyncio.all_tasks()]")
        answers, _ = self.all(p, [0, 1, 2, 1, 0])
        for a in answers.values():
            self.assertEqual(a.json, [None, True, True, True])

    def test_time_limits_of_the_function(self):
        p = self.start(
            "async def h(e, c):\n"
            "    try:\n"
            "        await asyncio.wait_for(asyncio.sleep(30), 0.05)\n"
            "    except asyncio.TimeoutError:\n"
            "        return 'late'")
        answers, _ = self.all(p, [0, 0])
        self.assertEqual([a.json for a in answers.values()], ["late", "late"])

    def test_lines_are_of_the_one_that_prints(self):
        p = self.start("async def h(e, c):\n    print('a', e)\n    await asyncio.sleep(e)\n    print('b', e)\n    return e")
        answers, _ = self.all(p, [0.1, 0.05])
        lines = sorted((line.stream, line.text) for a in answers.values() for line in a.logs)
        self.assertEqual(lines, [(1, "a 0.1"), (1, "b 0.1"), (2, "a 0.05"), (2, "b 0.05")])

    def test_errors_are_those_of_the_one_that_fails(self):
        p = self.start("async def h(e, c):\n    if e == 'bad': raise KeyError(e)\n    return e")
        answers, _ = self.all(p, ["good", "bad", b"{]", "good"])
        self.assertEqual([answers[n].type for n in (1, 2, 3, 4)], ["RESPONSE", "ERROR", "ERROR", "RESPONSE"])
        self.assertEqual((answers[2].head, answers[3].head), ("KeyError", "Runtime.UnmarshalError"))


class OnThreads(Case):
    def test_nothing_is_loaded_for_a_loop(self):
        p = self.start("import sys\ndef h(e, c): return 'asyncio' in sys.modules", concurrency=4, window=65536)
        self.assertIs(p.invoke().json, False)

    @unittest.skipIf(sys.version_info < (3, 7), "a thread for each has no loop to share")
    def test_who_is_a_coroutine_function(self):
        body = "async def f({}e, c): return threading.current_thread() is threading.main_thread()\n"
        for how in ("h = f", "h = functools.partial(functools.partial(f))", "class C(object):\n    __call__ = f\nh = C()",
                    "class C(object):\n    m = f\nh = C().m"):
            code = "import functools, threading\n" + body.format("self, " if "class" in how else "") + how
            self.assertIs(self.start(code, concurrency=4, window=65536).invoke().json, True, how)


class Documents(Case):
    def test_space_around_an_event(self):
        p = self.start("def h(e, c): return e")
        self.assertEqual(p.invoke(raw=' \n{"a": 1}\t').json, {"a": 1})

    def test_rest_after_an_event(self):
        p = self.start("def h(e, c): return e")
        self.assertEqual(p.invoke(raw='{"a": 1} x').head, "Runtime.UnmarshalError")

    def test_circle(self):
        p = self.start("def h(e, c):\n    a = []\n    a.append(a)\n    return a")
        answer = p.invoke()
        self.assertEqual(answer.head, "Runtime.MarshalError")
        self.assertIn("Circular reference detected", answer.json["errorMessage"])

    def test_what_cannot_be_written(self):
        p = self.start("import decimal\ndef h(e, c): return {1: decimal.Decimal('1.5'), 'x': (1, 2), 'nan': float('inf')} if e else object()")
        self.assertEqual(p.invoke(True).text, '{"1": 1.5, "x": [1, 2], "nan": Infinity}')
        answer = p.invoke(False)
        self.assertIn("Object of type object is not JSON serializable", answer.json["errorMessage"])


if __name__ == "__main__":
    unittest.main()
