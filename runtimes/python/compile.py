"""Compiles the modules of a function's package and layers into one file, once,
when they are deployed: argv is the package, the layers, and the file to write.

Nothing of them is executed. The file holds one module's code after the other,
then the index (marshal), and in its last 8 bytes where the index begins. What
cannot be compiled is left out: it is reported when somebody imports it."""
import marshal
import os
import struct
import sys

LARGEST = 8 << 20  # of a module's source


def main(task, layers, target):
    index = {}
    with open(target, "wb") as out:
        for name, root in (("task", task), ("opt", os.path.join(layers, "python"))):
            for source in sources(root):
                code = compiled(source)
                if code is not None:
                    index[name + source[len(root):]] = (out.tell(), len(code))
                    out.write(code)
        end = out.tell()
        out.write(marshal.dumps(index))
        out.write(struct.pack(">Q", end))


def sources(root):
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.join(directory, name)


def compiled(source):
    try:
        if os.path.getsize(source) > LARGEST:
            return None
        with open(source, "rb") as f:
            text = f.read()
        return marshal.dumps(compile(text, source, "exec", dont_inherit=True))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])
