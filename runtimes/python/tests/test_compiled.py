import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

IMPORTS = """
import sys
sys.path.insert(0, {here!r})
from ebb_runtime import compiled
task, layers, file = sys.argv[1:]
compiled.use(task, layers + "/python", file)
sys.path[:0] = [task, layers + "/python"]
import builtins, linecache
real, seen = builtins.compile, []
def spy(source, name, *args, **kw):
    seen.append(name)
    return real(source, name, *args, **kw)
builtins.compile = spy
import importlib, importlib._bootstrap_external as b
before = b.SourceLoader.source_to_code
b.SourceLoader.source_to_code = lambda self, data, path, **kw: (seen.append(path), before(self, data, path, **kw))[1]
import app, pack.inner, layer
assert app.where == app.__file__ == task + "/app.py", (app.where, app.__file__)
print(app.value, pack.inner.value, layer.value, [s for s in seen if s.startswith((task, layers))])
try:
    import broken
except SyntaxError as e:
    print("broken", e.filename == task + "/broken.py")
"""


class CompiledTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.task, self.layers = os.path.join(self.dir.name, "task"), os.path.join(self.dir.name, "opt")
        self.file = os.path.join(self.dir.name, "modules")
        for name, text in (
                ("task/app.py", "value = 'ü'\ndef f(): pass\nwhere = f.__code__.co_filename\n"),
                ("task/pack/__init__.py", ""), ("task/pack/inner.py", "value = 2\n"),
                ("task/broken.py", "def (\n"), ("opt/python/layer.py", "value = 3\n")):
            path = os.path.join(self.dir.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)

    def run_imports(self):
        return subprocess.run(
            [sys.executable, "-B", "-c", IMPORTS.format(here=HERE), self.task, self.layers, self.file],
            stdout=subprocess.PIPE, check=True).stdout.decode("utf-8", "replace")

    def test_nothing_is_compiled(self):
        subprocess.run([sys.executable, "-I", "-S", os.path.join(HERE, "compile.py"), self.task, self.layers, self.file], check=True)
        self.assertIn(" 2 3 []\nbroken True", self.run_imports())

    def test_without_the_file(self):
        out = self.run_imports()
        self.assertIn("app.py", out)
        self.assertIn("layer.py", out)
        self.assertIn("broken True", out)


if __name__ == "__main__":
    unittest.main()
