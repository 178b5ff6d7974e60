"""Modules that were compiled when the function was deployed (compile.py)."""
import marshal
import os
import struct
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader,
    SourcelessFileLoader)

FILE = "/var/cache/code/modules"


def use(task_root, layers="/opt/python", file=FILE):
    """Has modules of the package and the layers loaded from the file, if there is
    one. Whatever is not in it is compiled as ever."""
    if sys.flags.optimize:
        return  # it was compiled for a process without
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    size = os.fstat(fd).st_size
    begin = struct.unpack(">Q", os.pread(fd, 8, size - 8))[0]
    index = marshal.loads(os.pread(fd, size - 8 - begin, begin))
    roots = {root: name for root, name in ((task_root, "task"), (layers, "opt"))}

    class Loader(SourceFileLoader):
        def get_code(self, fullname):
            for root, name in roots.items():
                if self.path.startswith(root + "/"):
                    found = index.get(name + self.path[len(root):])
                    if found is not None:
                        return marshal.loads(os.pread(fd, found[1], found[0]))
            return SourceFileLoader.get_code(self, fullname)

    def finder(path):
        if not any(path == root or path.startswith(root + "/") for root in roots) or not os.path.isdir(path):
            raise ImportError("not of the function", path=path)
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (Loader, SOURCE_SUFFIXES),
                          (SourcelessFileLoader, BYTECODE_SUFFIXES))

    sys.path_hooks.insert(0, finder)
    for path in list(sys.path_importer_cache):
        if any(path == root or path.startswith(root + "/") for root in roots):
            del sys.path_importer_cache[path]
