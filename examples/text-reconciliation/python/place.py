"""Where things are: the folder that the platform mounts, and a folder in it for
each run."""

import contextlib
import os
import re

ROOT = os.environ.get("RECONCILIATION", "/mnt/reconciliation")

# Instances have user ids of their own; what one writes, others go on with.
os.umask(0)

# The columns of what is reported.
REPORT = ["kind", "side", "database", "key", "line", "left", "right"]


def within(path):
    """A file below the folder; nothing leads out of it."""
    full = os.path.normpath(os.path.join(ROOT, path))
    if os.path.isabs(path) or not full.startswith(os.path.join(ROOT, "")):
        raise ValueError("%r is not within the folder" % path)
    return full


def folder(run, *names):
    """A folder of a run, made if it is not there."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", run):
        raise ValueError("%r is no name of a run" % run)
    path = os.path.join(ROOT, "work", run, *names)
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def whole(path, mode="w", **more):
    """A file that is there as a whole or not at all: a task may run twice."""
    part = "%s.%d.part" % (path, os.getpid())
    with open(part, mode, **more) as f:
        yield f
    os.replace(part, path)
