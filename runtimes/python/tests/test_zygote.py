"""What a copy has imported, as far as it shows without privileges; the rest is
tested in boxes."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.platform import BOOTSTRAP

PROGRAM = """
import sys
sys.path.insert(0, {runtime!r})
import ebb_runtime.instance
plain = set(sys.modules)
from ebb_runtime import zygote
ahead = set(sys.modules) - plain
zygote.step_aside([{root!r}])
sys.path.insert(0, {root!r})
"""


@unittest.skipIf(sys.version_info < (3, 7), "there is none for Python 3.6")
class StepAside(unittest.TestCase):
    def run_with(self, files, text):
        root = tempfile.mkdtemp(prefix="ebb-python-test-")
        self.addCleanup(shutil.rmtree, root)
        for name, code in files.items():
            path = os.path.join(root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(code)
        program = PROGRAM.format(runtime=os.path.dirname(BOOTSTRAP), root=root) + text
        return subprocess.check_output([sys.executable, "-S", "-c", program], universal_newlines=True).strip()

    def test_what_is_ahead_stays(self):
        self.assertEqual(self.run_with({"app.py": ""}, "print(ahead <= set(sys.modules), 'ssl' in ahead, 'uuid' in ahead)"), "True True True")

    def test_a_module_of_the_functions_comes_first(self):
        for name in ("uuid.py", "uuid/__init__.py"):
            self.assertEqual(self.run_with({name: "own = 'mine'"}, "import uuid; print(uuid.own)"), "mine")

    def test_all_go_then(self):
        """What was imported ahead may have taken the wrong one of that name."""
        self.assertEqual(
            self.run_with({"ssl.py": "own = 'mine'"}, "left = ahead & set(sys.modules); import ssl; print(sorted(left), ssl.own)"),
            "['ebb_runtime.zygote'] mine")

    def test_nothing_of_it_is_decided_by_what_lies_deeper(self):
        self.assertEqual(self.run_with({"lib/uuid.py": ""}, "print('uuid' in sys.modules)"), "True")
