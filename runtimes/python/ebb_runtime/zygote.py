"""A process that instances are copied from: an interpreter that has started and
imported what is ebb's own and the standard library's, and nothing else, ever.

It has privileges that no function has: those to enter a box. A copy gives them up
there, and makes sure of it, before it knows of any function. What a copy does
until then is in this file; nothing of a user's is in its reach."""
import sys

_PLAIN = frozenset(sys.modules)  # what every process of the runtime has imported

# pylint: disable=wrong-import-position
import array
import ctypes
import errno
import gc
import json
import os
import resource
import socket
import struct

# The standard library's that functions use most.
import base64  # noqa: F401  pylint: disable=unused-import
import datetime  # noqa: F401  pylint: disable=unused-import
import decimal  # noqa: F401  pylint: disable=unused-import
import hashlib  # noqa: F401  pylint: disable=unused-import
import http.client  # noqa: F401  pylint: disable=unused-import
import random  # noqa: F401  pylint: disable=unused-import
import ssl  # noqa: F401  pylint: disable=unused-import
import urllib.parse  # noqa: F401  pylint: disable=unused-import
import urllib.request  # noqa: F401  pylint: disable=unused-import
import uuid  # noqa: F401  pylint: disable=unused-import

CONTROL = 3  # the socket to the platform
FILTER = 4  # the system call filter of a copy, as the kernel takes it

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
SECCOMP_SET_MODE_FILTER = 1
KEYCTL_JOIN_SESSION_KEYRING = 1
CAPABILITIES_VERSION_3 = 0x20080522
MAX_FDS = 64

libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog"""
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def check(result, what):
    """Raises what a call of libc says went wrong."""
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return result


def prctl(option, *args):
    words = [ctypes.c_ulong(a) for a in args] + [ctypes.c_ulong(0)] * (4 - len(args))
    return check(libc.prctl(ctypes.c_int(option), *words), "prctl {}".format(option))


def syscall(number, *args):
    return check(libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in args]), "system call {}".format(number))


def setns(fd, kind):
    check(libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def wait():
    """Waits for orders. It returns in every copy, and never in the zygote itself,
    which ends when the platform does."""
    calls = os.pread(FILTER, 1 << 20, 0)
    os.close(FILTER)
    prctl(PR_SET_DUMPABLE, 0)
    control = socket.socket(fileno=CONTROL)
    gc.collect()
    gc.freeze()  # a copy shares what it does not change
    control.send(b"ready")
    while True:
        order, fds = receive(control)
        if not order:
            os._exit(0)
        if born(control, json.loads(order.decode()), fds, calls):
            del sys.argv[1:]
            return


def receive(control):
    """Returns the next message and the descriptors beside it."""
    size = array.array("i").itemsize
    order, rights, _, _ = control.recvmsg(1 << 16, socket.CMSG_SPACE(MAX_FDS * size))
    fds = array.array("i")
    for level, kind, found in rights:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(found[:len(found) - len(found) % size])
    return order, list(fds)


def born(control, order, fds, calls):
    """Makes a copy in a box. True in the copy, once it may go on."""
    birth, output, frames, pid = fds[:4]
    try:
        # Children are in the box's PID namespace from now on, and this process is
        # where it was.
        setns(pid, CLONE_NEWPID)
        first = os.fork()
    except OSError as e:
        for fd in fds:
            os.close(fd)
        control.send(str(e).encode())
        return False
    if first:
        for fd in fds:
            os.close(fd)
        _, status = os.waitpid(first, 0)
        control.send(b"born" if status == 0 else b"the copy was not made")
        return False
    try:
        spaces, rest = fds[4:8], fds[8:]
        ruleset = rest.pop(0) if order["ruleset"] else None
        for group in rest:
            os.write(group, b"0")  # joins it: what follows is the box's
        if os.fork():
            os._exit(0)  # its child is now ebb-init's, as every orphan of the box
        control.detach()
        enter(order, spaces)
        place(birth, output, frames, ruleset)
        confine(order, ruleset, calls)
        os.write(birth, json.dumps({"pid": os.getpid()}).encode())
        if not os.read(birth, 1):
            os._exit(1)
        os.close(birth)
        if os.getppid() != 1:
            os._exit(1)
    except BaseException as e:  # pylint: disable=broad-except
        report(birth, e)
        os._exit(1)
    return True


def report(birth, exc):
    try:
        os.write(birth, json.dumps({"error": "{}: {}".format(type(exc).__name__, exc)}).encode())
    except OSError:
        pass  # nobody waits any more


def enter(order, spaces):
    """Goes into the box's namespaces; into its PID namespace it was born."""
    for fd, kind in zip(spaces, (CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS)):
        setns(fd, kind)
    try:
        check(libc.unshare(ctypes.c_int(CLONE_NEWCGROUP)), "unshare")
    except OSError as e:
        if e.errno != errno.EINVAL:  # a kernel without
            raise
    try:  # not the zygote's, which its other copies have inherited too
        syscall(order["keyctl"], KEYCTL_JOIN_SESSION_KEYRING, 0)
    except OSError as e:
        if e.errno not in (errno.ENOSYS, errno.EPERM):
            raise
    os.setsid()


def place(birth, output, frames, ruleset):
    """Leaves open what a process of a box has, and what is needed until it is
    confined: no socket to the platform but its own."""
    null = os.open("/dev/null", os.O_RDONLY)
    for fd, to in ((null, 0), (output, 1), (output, 2), (frames, 3)):
        os.dup2(fd, to)
    keep = sorted(fd for fd in (birth, ruleset) if fd is not None)
    begin = 4
    for fd in keep:
        os.closerange(begin, fd)
        begin = fd + 1
    os.closerange(begin, 1024)


def confine(order, ruleset, calls):
    """Gives up every privilege, as ebb-init has its children do."""
    for which, most in order["rlimits"]:
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(which, (most, most))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if ruleset is not None:
        syscall(order["restrict"], ruleset, 0)
        os.close(ruleset)
    uid = order["uid"]
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header = struct.pack("=Ii", CAPABILITIES_VERSION_3, 0)
    check(libc.capset(header, bytes(24)), "capset")  # and with them the ambient ones
    os.chdir(order["dir"])
    # The files of /proc that are a process's own are so again.
    prctl(PR_SET_DUMPABLE, 1)
    held = ctypes.create_string_buffer(calls, len(calls))
    program = Program(len(calls) // 8, ctypes.addressof(held))
    syscall(order["seccomp"], SECCOMP_SET_MODE_FILTER, 0, ctypes.addressof(program))
    assure(uid)


def assure(uid):
    """Refuses to go on with anything that a function must not have."""
    # Bytes: what decodes them may not have been imported, and where it is may not
    # be seen from here.
    fd = os.open("/proc/self/status", os.O_RDONLY)
    try:
        status = dict(line.split(b":\t", 1) for line in os.read(fd, 1 << 16).split(b"\n") if b":\t" in line)
    finally:
        os.close(fd)
    ids = b"\t".join([b"%d" % uid] * 4)
    want = {name: b"0" * 16 for name in (b"CapInh", b"CapPrm", b"CapEff", b"CapBnd", b"CapAmb")}
    want.update({b"NoNewPrivs": b"1", b"Seccomp": b"2", b"Uid": ids, b"Gid": ids})
    for name, value in want.items():
        if status.get(name) != value:
            raise RuntimeError("{} is {}".format(name, status.get(name)))
    if os.getgroups():
        raise RuntimeError("Groups is {}".format(os.getgroups()))


def step_aside(roots):
    """Forgets what was imported ahead if the function brings a module of the same
    name as any of it: what a name means must not depend on how a process began."""
    ahead = [name for name in sys.modules if name not in _PLAIN and name.split(".")[0] != "ebb_runtime"]
    names = {name.split(".")[0] for name in ahead}
    for root in roots:
        try:
            entries = os.listdir(root)
        except OSError:
            continue
        if any(entry.split(".")[0] in names for entry in entries):
            for name in ahead:
                sys.modules.pop(name, None)
            return
