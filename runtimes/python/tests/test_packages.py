"""Packages of the interpreter, found without the site module."""
import os
import shutil
import sys
import tempfile
import unittest

from ebb_runtime import packages
from tests.platform import Platform


class Packages(unittest.TestCase):
    def test_same_as_site(self):
        """What site finds by path is found; only code in .pth files is not run."""
        code = {"m.py": "import sys\nat = list(sys.path)\ndef h(e, c): return [at, bool(sys.flags.no_site), exit.name]"}
        p = Platform(code, flags=["-S"])
        self.addCleanup(p.close)
        self.assertEqual(p.init("m.h").type, "READY")
        paths, no_site, name = p.invoke().json
        self.assertEqual((no_site, name), (True, "exit"))
        for path in sys.path:
            if path.endswith("-packages") and path.startswith((sys.prefix, "/usr")):
                self.assertIn(path, paths)

    def test_pth(self):
        root = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        version = "python{}.{}".format(*sys.version_info[:2])
        site = os.path.join(root, "lib", version, "site-packages")
        os.makedirs(os.path.join(site, "inner"))
        other = os.path.join(root, "other")
        os.mkdir(other)
        with open(os.path.join(site, "a.pth"), "w") as f:
            f.write("# comment\n\nimport sys; sys.exit('run')\ninner\n{}\nmissing\n".format(other))
        os.symlink("nowhere", os.path.join(site, "broken.pth"))
        prefix, path = sys.prefix, list(sys.path)
        try:
            sys.prefix = root
            packages.add_packages()
            packages.add_packages()
            self.assertEqual(sys.path[len(path):], [site, os.path.join(site, "inner"), other])
        finally:
            sys.prefix, sys.path[:] = prefix, path

    def test_debian(self):
        self.assertEqual(packages._directories("/usr", "python3.11"), [
            "/usr/local/lib/python3.11/dist-packages", "/usr/lib/python3.11/site-packages",
            "/usr/lib64/python3.11/site-packages", "/usr/lib/python3/dist-packages"])


if __name__ == "__main__":
    unittest.main()
