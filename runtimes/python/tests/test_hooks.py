"""Code that runs at points of an instance's life, apart from invocations."""
import time

from tests.platform import Log
from tests.test_bootstrap import Case

HOOKS = {"EBB_INITIALIZER": "m.begin", "EBB_PRE_FREEZE": "hooks.freeze", "EBB_PRE_STOP": "hooks.stop"}


class Hooks(Case):
    def hook(self, p, name, seconds=10):
        p.send("HOOK", 0, "{}\n{}".format(name, int((time.time() + seconds) * 1000)), b"")
        return p.until()

    def test_each_runs_when_its_time_has_come(self):
        p = self.start({"m.py": """
seen = []
def begin(context):
    seen.append("begin")
    print("beginning", end="")
def h(e, c): return seen
""", "hooks.py": """
from m import seen
def freeze(): seen.append("freeze")
async def stop(context): seen.append(context.get_remaining_time_in_millis() > 5000 and not context.aws_request_id)
"""}, env=HOOKS)
        self.assertEqual(p.invoke().json, [])
        answer = self.hook(p, "initializer")
        self.assertEqual((answer.type, answer.logs), ("DONE", [Log(0, "", "beginning")]))
        self.assertEqual(p.invoke().json, ["begin"])
        for _ in range(2):
            self.assertEqual(self.hook(p, "pre-freeze").type, "DONE")
        self.assertEqual(self.hook(p, "pre-stop").type, "DONE")
        self.assertEqual(p.invoke().json, ["begin", "freeze", "freeze", True])

    def test_what_is_not_named_does_nothing(self):
        p = self.start("def h(e, c): return e")
        for name in ("initializer", "pre-freeze", "pre-stop"):
            self.assertEqual(self.hook(p, name).type, "DONE")
        self.assertEqual(p.invoke(1).json, 1)

    def test_a_failure_is_told_and_ends_nothing(self):
        p = self.start("def h(e, c): return e\ndef begin(): raise KeyError('no database')", env={"EBB_INITIALIZER": "m.begin"})
        for _ in range(2):
            answer = self.hook(p, "initializer")
            self.assertEqual((answer.type, answer.stream, answer.head, answer.json["errorMessage"]),
                             ("ERROR", 0, "KeyError", "'no database'"))
        self.assertEqual(p.invoke(1).json, 1)

    def test_an_exit_is_an_exit(self):
        p = self.start("import sys\ndef h(e, c): return e\ndef stop(): sys.exit(4)", env={"EBB_PRE_STOP": "m.stop"})
        self.assertEqual(self.hook(p, "pre-stop").type, "CLOSED")
        self.assertEqual(p.wait(), 4)

    def test_a_name_that_leads_nowhere_is_found_at_once(self):
        for name, want in (("m.nothing", "Runtime.HandlerNotFound"), ("nowhere.x", "Runtime.ImportModuleError"),
                           ("m", "Runtime.MalformedHandlerName")):
            p, answer = self.start("def h(e, c): return e", ready=False, env={"EBB_PRE_FREEZE": name})
            self.assertEqual((answer.type, answer.head), ("ERROR", want), name)
            self.assertEqual(p.wait(), 1)

    def test_with_several_at_once(self):
        p = self.start("seen = []\ndef begin(c): seen.append(1)\ndef h(e, c): return seen", env={"EBB_INITIALIZER": "m.begin"},
                       concurrency=4)
        self.assertEqual(self.hook(p, "initializer").type, "DONE")
        self.assertEqual(p.invoke().json, [1])
