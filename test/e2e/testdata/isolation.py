"""Looks around from inside a box and answers with what it finds."""
import os
import socket


def handler(event, context):
    return {k: v() for k, v in {
        "uid": os.getuid,
        "groups": os.getgroups,
        "pid": os.getpid,
        "processes": processes,
        "task": lambda: write("/var/task/new"),
        "root": lambda: [write(d + "/new") for d in ("/", "/usr", "/etc", "/var/runtime")],
        "tmp": tmp,
        "shm": lambda: write("/dev/shm/new"),
        "home": lambda: sorted(os.listdir("/")),
        "devices": devices,
        "environment": lambda: dict(os.environ),
        "reach": lambda: [reach(*a) for a in event["addresses"]],
        "routes": lambda: open("/proc/net/route").read().count("\n") - 1,
        "host": lambda: [os.path.exists(p) for p in event["paths"]],
        "kernel": lambda: [denied(lambda p=p: open(p, "w")) for p in ("/proc/sysrq-trigger", "/proc/sys/kernel/hostname")],
        "mount": lambda: denied(lambda: mount()),
        "capabilities": lambda: [l.split()[1] for l in open("/proc/self/status") if l.startswith(("CapEff", "CapPrm", "CapBnd"))],
        "privileges": lambda: [l.split()[1] for l in open("/proc/self/status") if l.startswith("NoNewPrivs")][0],
        "fork": fork_bomb,
    }.items()}


def processes():
    return sorted(int(p) for p in os.listdir("/proc") if p.isdigit())


def write(path):
    try:
        with open(path, "w") as f:
            f.write("x")
        return "written"
    except OSError as e:
        return os.strerror(e.errno)


def denied(f):
    try:
        f()
        return "allowed"
    except OSError as e:
        return os.strerror(e.errno)


def tmp():
    before = os.listdir("/tmp")
    first = write("/tmp/mine")
    s = os.statvfs("/tmp")
    fd = os.open("/tmp/big", os.O_CREAT | os.O_WRONLY)
    try:
        os.posix_fallocate(fd, 0, 600 << 20)
        full = "600 MB fit"
    except OSError as e:
        full = os.strerror(e.errno)
    finally:
        os.close(fd)
        os.unlink("/tmp/big")
    return {"before": before, "write": first, "free": s.f_bavail * s.f_frsize >> 20, "full": full}


def devices():
    return sorted(os.listdir("/dev"))


def reach(host, port):
    s = socket.socket()
    s.settimeout(3)
    try:
        s.connect((host, port))
        return "connected"
    except OSError as e:
        return "refused"
    finally:
        s.close()


def mount():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"none", b"/tmp", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "")


def fork_bomb():
    """Forks until it is stopped; says how far it came."""
    children = []
    try:
        for _ in range(5000):
            pid = os.fork()
            if pid == 0:
                import signal
                signal.pause()
            children.append(pid)
        return "endless"
    except OSError as e:
        return [os.strerror(e.errno), len(children)]
    finally:
        for pid in children:
            os.kill(pid, 9)
        for pid in children:
            os.waitpid(pid, 0)
