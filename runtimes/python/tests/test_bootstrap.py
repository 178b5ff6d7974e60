"""What a handler sees and what the platform gets, through a real process."""
import json
import os
import re
import signal
import sys
import time
import unittest

from tests.platform import Log, Platform

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


class Case(unittest.TestCase):
    def start(self, code, handler="m.h", ready=True, env=None, **init):
        files = code if isinstance(code, dict) else {"m.py": code}
        p = Platform(files, env)
        self.addCleanup(p.close)
        answer = p.init(handler, env, **init)
        if ready:
            self.assertEqual(answer.type, "READY", answer)
        return (p, answer) if not ready else p


class Answers(Case):
    def test_echo(self):
        p = self.start("def h(e, c): return e")
        for event in ({"a": 1}, [1, 2.5, None, True], "ü\U0001f600", 0, None, {"big": "x" * 300000}):
            a = p.invoke(event)
            self.assertEqual((a.type, a.stream, a.json), ("RESPONSE", p.stream, event))

    def test_text_is_ascii(self):
        p = self.start("def h(e, c): return {'ä': e}")
        self.assertEqual(p.invoke("ü").text, '{"\\u00e4": "\\u00fc"}')

    def test_no_event(self):
        p = self.start("def h(e, c): return [e]")
        self.assertEqual(p.invoke(raw="").text, "[null]")

    def test_frames_split_anywhere(self):
        p = self.start("def h(e, c): return e")
        p.stream += 1
        sent = []
        p.socket = _Split(p.socket, sent)
        p.send("INVOKE", p.stream, "id\n\n\n\n", json.dumps({"a": "b" * 100000}))
        p.socket = p.socket.real
        self.assertEqual(p.until().json, {"a": "b" * 100000})
        self.assertGreater(len(sent), 3)

    def test_coroutine(self):
        p = self.start("""
import asyncio
loops = set()
async def h(e, c):
    await asyncio.sleep(0)
    loops.add(id(asyncio.get_event_loop()))
    return [e, len(loops)]
""")
        self.assertEqual(p.invoke("x").json, ["x", 1])
        self.assertEqual(p.invoke("y").json, ["y", 1])

    def test_decimal(self):
        p = self.start("import decimal\ndef h(e, c): return [decimal.Decimal('1.5'), decimal.Decimal(2)]")
        self.assertEqual(p.invoke().json, [1.5, 2])

    def test_too_large(self):
        p = self.start("def h(e, c): return 'x' * e", maxResponse=1000)
        self.assertEqual(p.invoke(998).type, "RESPONSE")
        a = p.invoke(999)
        self.assertEqual((a.type, a.head, a.flags), ("ERROR", "Function.ResponseSizeTooLarge", 0))
        self.assertEqual(a.json["errorMessage"],
                         "Response payload size exceeded maximum allowed payload size (1000 bytes).")
        self.assertEqual(p.invoke(1).type, "RESPONSE")


class _Split(object):
    """A socket that sends a few bytes at a time."""

    def __init__(self, real, sent):
        self.real, self.sent = real, sent

    def sendall(self, data):
        cuts = [0, 5, 12, 14, 70000, len(data)]
        for a, b in zip(cuts, cuts[1:]):
            self.real.sendall(data[a:b])
            self.sent.append(b - a)
            time.sleep(0.01)


class TheContext(Case):
    def test_fields(self):
        p = self.start("""
import os
def h(e, c):
    left = c.get_remaining_time_in_millis()
    c.log('hello\\n')
    d = {k: getattr(c, k) for k in ('aws_request_id', 'function_name', 'function_version', 'invoked_function_arn',
         'memory_limit_in_mb', 'log_group_name', 'log_stream_name', 'client_context')}
    d['left'] = left
    d['identity'] = [c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id]
    d['trace'] = os.environ.get('_X_AMZN_TRACE_ID')
    d['repr'] = repr(c)
    return d
""")
        a = p.invoke(request_id="r1", deadline=int(time.time() * 1000) + 5000, trace="Root=1-2")
        d = a.json
        self.assertTrue(3000 < d.pop("left") <= 5000)
        self.assertIn("LambdaContext([aws_request_id=r1,", d.pop("repr"))
        self.assertEqual(d, {
            "aws_request_id": "r1", "function_name": "f", "function_version": "$LATEST",
            "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "memory_limit_in_mb": "128",
            "log_group_name": "/aws/lambda/f", "log_stream_name": "s", "client_context": None,
            "identity": [None, None], "trace": "Root=1-2"})
        self.assertEqual(a.logs, [Log(1, "", "hello")])
        d = p.invoke(deadline=1, arn="arn:other:1").json
        self.assertEqual((d["left"], d["invoked_function_arn"], d["trace"]), (0, "arn:other:1", None))

    def test_client_context(self):
        p = self.start("""
def h(e, c):
    x = c.client_context
    return [x.custom, x.env, x.client.installation_id, x.client.app_title]
""")
        a = p.invoke(client='{\n"custom": {"a": 1}, "env": {"b": 2}, "client": {"installation_id": "i"}}')
        self.assertEqual(a.json, [{"a": 1}, {"b": 2}, "i", None])

    def test_environment(self):
        p = Platform({"m.py": "import os, sys, time\nat = [os.environ['MINE'], os.getcwd(), sys.path[0], time.tzname[0]]\n"
                              "def h(e, c): return at + [os.environ['EARLY']]"}, {"EARLY": "1", "TZ": "Asia/Tokyo"})
        self.addCleanup(p.close)
        self.assertEqual(p.init("m.h", env={"MINE": "x", "TZ": ":UTC"}).type, "READY")
        self.assertEqual(p.invoke().json, ["x", p.dir, p.dir, "UTC", "1"])


class Errors(Case):
    def test_exception(self):
        p = self.start("def h(e, c):\n    return inner()\ndef inner():\n    raise ValueError('bad ü')\n")
        a = p.invoke(request_id="r1")
        file = os.path.join(p.dir, "m.py")
        trace = ['  File "{}", line 2, in h\n    return inner()\n'.format(file),
                 '  File "{}", line 4, in inner\n    raise ValueError(\'bad ü\')\n'.format(file)]
        got = [re.sub(r"\n\s*\^+\n", "\n", line) for line in a.json.pop("stackTrace")]
        self.assertEqual(a.json, {"errorMessage": "bad ü", "errorType": "ValueError", "requestId": "r1"})
        self.assertEqual(list(json.loads(a.text)), ["errorMessage", "errorType", "requestId", "stackTrace"])
        self.assertEqual(got, trace)
        self.assertEqual((a.type, a.head, a.flags), ("ERROR", "ValueError", 0))
        self.assertEqual(len(a.logs), 1)
        self.assertEqual(a.logs[0].level, "ERROR")
        self.assertTrue(a.logs[0].text.startswith(
            "[ERROR] ValueError: bad ü\nTraceback (most recent call last):\n  File "), a.logs[0].text)
        self.assertEqual(p.invoke().type, "ERROR")

    def test_odd_exceptions(self):
        p = self.start("""
class Mute(Exception):
    def __str__(self): raise RuntimeError('no')
class Base(BaseException): pass
def h(e, c):
    raise {'mute': Mute, 'base': Base, 'interrupt': KeyboardInterrupt}[e]()
""")
        self.assertEqual(p.invoke("mute").head, "Mute")
        self.assertEqual(p.invoke("base").head, "Base")
        self.assertEqual(p.invoke("interrupt").head, "KeyboardInterrupt")

    def test_marshal(self):
        p = self.start("def h(e, c): return {'x': {1, 2}} if e else {(1, 2): 3}")
        a = p.invoke(1)
        self.assertEqual((a.json["errorType"], a.json["errorMessage"], a.json["stackTrace"]), (
            "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable", []))
        self.assertEqual(p.invoke(0).head, "Runtime.MarshalError")

    def test_unmarshal(self):
        p = self.start("def h(e, c): return e")
        a = p.invoke(raw="{")
        self.assertEqual(a.head, "Runtime.UnmarshalError")
        self.assertTrue(a.json["errorMessage"].startswith("Unable to unmarshal input: "))

    def test_exit(self):
        p = self.start("import sys\ndef h(e, c):\n    print('bye', end='')\n    sys.exit(e)")
        a = p.invoke(7)
        self.assertEqual((a.type, a.logs), ("CLOSED", [Log(1, "", "bye")]))
        self.assertEqual(p.wait(), 7)

    def test_exit_with_threads(self):
        p = self.start("""
import sys, threading
def h(e, c):
    threading.Thread(target=threading.Event().wait).start()
    sys.exit(1)
""")
        self.assertEqual(p.invoke().type, "CLOSED")

    def test_hard_exit(self):
        p = self.start("import os\ndef h(e, c):\n    print('last words')\n    os._exit(3)")
        a = p.invoke()
        self.assertEqual((a.type, a.logs), ("CLOSED", [Log(1, "", "last words")]))
        self.assertEqual(p.wait(), 3)


class Init(Case):
    def fails(self, files, handler, error_type, message, trace=None):
        p, a = self.start(files, handler, ready=False)
        self.assertEqual((a.type, a.flags, a.stream, a.head), ("ERROR", 1, 0, error_type), a)
        self.assertRegex(a.json["errorMessage"], message)
        self.assertEqual((a.json["errorType"], a.json["requestId"]), (error_type, ""))
        if trace is not None:
            self.assertEqual(a.json["stackTrace"], trace)
        self.assertEqual(len(a.logs), 1)
        self.assertEqual(p.until().type, "CLOSED")
        self.assertEqual(p.wait(), 1)
        return p, a

    def test_missing_module(self):
        self.fails({}, "nope.h", "Runtime.ImportModuleError", "^Unable to import module 'nope': No module named 'nope'$", [])

    def test_missing_dependency(self):
        self.fails({"m.py": "import not_there"}, "m.h", "Runtime.ImportModuleError",
                   "^Unable to import module 'm': No module named 'not_there'$", [])

    def test_missing_handler(self):
        self.fails({"m.py": ""}, "m.h", "Runtime.HandlerNotFound", "^Handler 'h' missing on module 'm'$", [])

    def test_malformed(self):
        self.fails({}, "handler", "Runtime.MalformedHandlerName",
                   r"^Bad handler 'handler': not enough values to unpack \(expected 2, got 1\)$", [])
        self.fails({}, "..m.h", "Runtime.MalformedHandlerName", "^Bad handler")

    def test_builtin(self):
        self.fails({}, "sys.h", "Runtime.BuiltInModuleConflict", "^Cannot use built-in module sys as a handler module$")

    def test_syntax(self):
        _, a = self.fails({"m.py": "def h(:\n"}, "m.h", "Runtime.UserCodeSyntaxError", "^Syntax error in module 'm': invalid syntax")
        self.assertRegex(a.json["stackTrace"][0], r'^  File ".*/m\.py" Line 1\n')

    def test_raises(self):
        _, a = self.fails({"m.py": "x = 1\nraise KeyError('k')"}, "m.h", "KeyError", "^'k'$")
        self.assertEqual(len(a.json["stackTrace"]), 1)
        self.assertIn("m.py\", line 2, in <module>", a.json["stackTrace"][0])

    def test_exit(self):
        p, a = self.start("import sys; sys.exit(4)", ready=False)
        self.assertEqual(a.type, "CLOSED")
        self.assertEqual(p.wait(), 4)

    def test_nested(self):
        files = {"a/b.py": "def f(e, c): return __name__", "a/__init__.py": ""}
        for handler in ("a/b.f", "a.b.f"):
            p = self.start(files, handler)
            self.assertEqual(p.invoke().json, "a.b")

    def test_a_name_of_the_standard_library(self):
        p = self.start({"signal.py": "def h(e, c): return 'mine'"}, "signal.h")
        self.assertEqual(p.invoke().json, "mine")

    def test_lines_while_importing(self):
        _, a = self.start("print('importing')\nprint('part', end='')\ndef h(e, c): pass", ready=False)
        self.assertEqual(a.logs, [Log(0, "", "importing"), Log(0, "", "part")])
        self.assertEqual(a.json, None)

    def test_ping(self):
        p = Platform({"m.py": "def h(e, c): pass"})
        self.addCleanup(p.close)
        p.send("PING", 0, "", "")
        self.assertEqual(p.receive().type, "PONG")
        self.assertEqual(p.init("m.h").type, "READY")


class Output(Case):
    def test_prints(self):
        p = self.start("""
import sys
def h(e, c):
    print('one', e)
    print('two', file=sys.stderr)
    sys.stdout.write('three\\nfo')
    sys.stdout.write('ur\\n\\n')
    sys.stdout.buffer.write(b'\\xff\\x00\\n')
    print('ünï', '\\udc80', flush=True)
    print('no end', end='', flush=True)
    sys.stderr.writelines(['a\\n', 'b\\n'])
    assert sys.stdout.fileno() == 1 and not sys.stdout.isatty() and sys.stdout.writable()
""")
        a = p.invoke(1)
        self.assertEqual([x.text for x in a.logs], [
            "one 1", "two", "three", "four", "", "\\xff\x00", "ünï \\udc80", "a", "b", "no end"])
        self.assertEqual({(x.stream, x.level) for x in a.logs}, {(1, "")})
        self.assertEqual([x.stream for x in p.invoke(2).logs][0], 2)

    def test_long_line(self):
        p = self.start("def h(e, c): print('x' * 600000)")
        self.assertEqual([len(x.text) for x in p.invoke().logs], [262144, 262144, 75712])

    def test_logging(self):
        p = self.start("""
import logging
log = logging.getLogger()
log.setLevel(logging.INFO)
logging.basicConfig(format='mine')
def h(e, c):
    log.debug('unseen')
    log.info('hello %s\\nand more', 'you')
    logging.getLogger('a.b').warning('careful')
    log.critical('boom')
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception('oops')
""")
        a = p.invoke(request_id="r1")
        self.assertEqual([x.level for x in a.logs], ["INFO", "WARN", "FATAL", "ERROR"])
        self.assertRegex(a.logs[0].text, r"^\[INFO\]\t" + STAMP + r"\tr1\thello you\nand more$")
        self.assertRegex(a.logs[1].text, r"^\[WARNING\]\t" + STAMP + r"\tr1\tcareful$")
        self.assertIn("ZeroDivisionError", a.logs[3].text)

    def test_logging_as_json(self):
        p = self.start("""
import logging
log = logging.getLogger('mine')
def h(e, c):
    log.warning('careful %d', 1, extra={'job': 7, 'odd': {1}})
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception('oops')
    print('as it is')
    raise ValueError('bad')
""", env={"AWS_LAMBDA_LOG_FORMAT": "JSON"})
        a = p.invoke(request_id="r1")
        self.assertEqual([x.level for x in a.logs], ["WARN", "ERROR", "", "ERROR"])
        self.assertEqual(a.logs[2].text, "as it is")
        first, second, last = [json.loads(a.logs[i].text) for i in (0, 1, 3)]
        for e in (first, second, last):
            self.assertRegex(e.pop("timestamp"), "^" + STAMP + "$")
        self.assertEqual(first, {"level": "WARNING", "message": "careful 1", "logger": "mine", "requestId": "r1",
                                 "job": 7, "odd": "{1}"})
        self.assertEqual((second["errorType"], second["message"]), ("ZeroDivisionError", "oops"))
        self.assertEqual((last["errorType"], last["errorMessage"], last["requestId"]), ("ValueError", "bad", "r1"))

    def test_children(self):
        p = self.start("""
import os, subprocess, sys
def h(e, c):
    subprocess.check_call(['sh', '-c', 'echo from sh; ls -l /proc/$$/fd | grep -c socket || true'])
    subprocess.check_call([sys.executable, '-c', 'print("from python")'], stdout=sys.stdout)
    return 1
""")
        self.assertEqual(p.invoke().json, 1)
        p.socket.close()
        p.wait()
        self.assertEqual(p.raw, b"from sh\n0\nfrom python\n")

    def test_fork(self):
        p = self.start("""
import multiprocessing, os
def work(n):
    print('child', n)
    return n * 2
def h(e, c):
    if e == 'escape':
        pid = os.fork()
        if pid == 0:
            print('escaped')
            return 'from the child'
        os.waitpid(pid, 0)
        return 'from the parent'
    with multiprocessing.get_context('fork').Pool(2) as pool:
        out = pool.map(work, [1, 2, 3])
    print('parent')
    return out
""")
        a = p.invoke()
        self.assertEqual((a.json, [x.text for x in a.logs]), ([2, 4, 6], ["parent"]))
        a = p.invoke("escape")
        self.assertEqual(a.json, "from the parent")
        self.assertEqual(p.invoke("escape").json, "from the parent")
        p.socket.close()
        p.wait()
        self.assertEqual(sorted(p.raw.split(b"\n")), [b"", b"child 1", b"child 2", b"child 3", b"escaped", b"escaped"])

    def test_forked_children_die_of_sigterm(self):
        p = self.start("""
import os, signal, time
def h(e, c):
    pid = os.fork()
    if pid == 0:
        try:
            time.sleep(60)
        except BaseException:
            time.sleep(60)
    time.sleep(0.05)
    os.kill(pid, signal.SIGTERM)
    return os.waitpid(pid, 0)[1]
""")
        self.assertEqual(p.invoke().json, signal.SIGTERM)

    def test_threads(self):
        p = self.start("""
import threading
def h(e, c):
    def work(n):
        for i in range(200):
            print('line %d of %d' % (i, n))
    ts = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in ts]
    [t.join() for t in ts]
""")
        lines = [x.text for x in p.invoke().logs]
        self.assertEqual(len(lines), 800)
        for line in lines:
            self.assertRegex(line, r"^line \d+ of \d$")

    def test_print_in_a_signal_handler(self):
        p = self.start("""
import os, signal
def h(e, c):
    signal.signal(signal.SIGALRM, lambda *_: print('tick'))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for i in range(2000):
        print('line')
    signal.setitimer(signal.ITIMER_REAL, 0)
""")
        a = p.invoke()
        printed = "".join(x.text for x in a.logs)
        self.assertEqual((a.type, printed.count("line")), ("RESPONSE", 2000))
        self.assertIn("tick", printed)


class End(Case):
    def test_stop(self):
        p = self.start("import atexit\natexit.register(print, 'at exit')\ndef h(e, c): pass")
        p.send("STOP", 0, "", "")
        self.assertEqual(p.until().type, "CLOSED")
        self.assertEqual(p.wait(), 0)
        self.assertEqual(p.raw, b"at exit\n")

    def test_sigterm(self):
        p = self.start("import atexit\natexit.register(print, 'at exit')\ndef h(e, c): pass")
        p.process.send_signal(signal.SIGTERM)
        self.assertEqual(p.until().type, "CLOSED")
        self.assertEqual(p.wait(), 0)
        self.assertEqual(p.raw, b"at exit\n")

    def test_platform_gone(self):
        p = self.start("import threading\nthreading.Thread(target=threading.Event().wait).start()\ndef h(e, c): pass")
        p.socket.close()
        self.assertEqual(p.wait(), 1)


if __name__ == "__main__":
    sys.exit(unittest.main())
