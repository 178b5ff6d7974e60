"""The interpreter's installed packages, without its site module: that runs the
code of every .pth file of the host, which can take longer than all the rest of a
start. Here only paths count."""
import builtins
import os
import sys

import _sitebuiltins


def add_packages():
    version = "python{}.{}".format(*sys.version_info[:2])
    for directory in _directories(sys.prefix, version):
        if os.path.isdir(directory) and directory not in sys.path:
            sys.path.append(directory)
            _add_paths(directory)
    for name in ("exit", "quit"):
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D (i.e. EOF)"))


def _directories(prefix, version):
    found = [os.path.join(prefix, lib, version, "site-packages") for lib in ("lib", "lib64")]
    if prefix == "/usr":  # Debian's own
        found = ["/usr/local/lib/{}/dist-packages".format(version)] + found + ["/usr/lib/python3/dist-packages"]
    return found


def _add_paths(directory):
    """Adds what .pth files name. A file that cannot be read names nothing."""
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".pth") or name.startswith("."):
            continue
        try:
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
        except OSError:
            continue
        for line in lines:
            line = line.rstrip()
            if not line or line.startswith(("#", "import ", "import\t")):
                continue
            path = os.path.join(directory, line)
            if path not in sys.path and os.path.exists(path):
                sys.path.append(path)
