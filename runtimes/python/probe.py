"""Tells ebb what this interpreter is, and compiles the bootstrap for it, because
in a box nothing can be written: that is worth some milliseconds of every start."""
import json
import os
import py_compile
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    package = os.path.join(HERE, "ebb_runtime")
    if sys.version_info >= (3, 6):
        for name in os.listdir(package):
            if name.endswith(".py"):
                try:
                    py_compile.compile(os.path.join(package, name))
                except OSError:
                    break  # asked from inside a box, where nothing can be written
    print(json.dumps({
        "version": "%d.%d.%d" % sys.version_info[:3],
        "executable": os.path.realpath(sys.executable),
        "mounts": [os.path.realpath(sys.base_prefix)],
    }))


main()
