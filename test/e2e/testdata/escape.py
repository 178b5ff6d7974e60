# What a function by somebody who wants out tries through the whole platform.
# The event names the action.
import http.client
import json
import os
import socket
import struct
import threading
import time
from urllib.parse import urlparse

held = []


def handler(event, context):
    return globals()[event["do"]](event)


def victim(event):
    """Holds a secret everywhere, listens everywhere, and waits."""
    for path in ("/tmp/secret", "/dev/shm/secret"):
        with open(path, "w") as f:
            f.write(os.environ["SECRET"])
        os.chmod(path, 0o666)
    for family, address in ((socket.AF_INET, ("0.0.0.0", 8477)), (socket.AF_UNIX, "\0victim"), (socket.AF_UNIX, "/tmp/victim")):
        s = socket.socket(family)
        s.bind(address)
        s.listen()
        held.append(s)
    time.sleep(event["seconds"])
    return "undisturbed"


def hunt(event):
    """Looks for the beginning of the victim's secret; finds at most its own event."""
    found = []
    prefix = event["prefix"].encode()
    own = set(os.listdir("/proc/self/task"))
    names = ["/proc/%d/%s" % (pid, name) for pid in range(1, 70000) if str(pid) not in own and os.path.exists("/proc/%d" % pid)
             for name in ("environ", "cmdline", "root/tmp/secret", "root/dev/shm/secret", "mem", "fd/3")]
    files = [os.path.join(at, name) for top in os.listdir("/") if top not in ("usr", "lib", "lib32", "lib64", "libx32", "bin", "sbin", "proc", "sys")
             for at, _, inside in os.walk("/" + top) for name in inside if os.path.isfile(os.path.join(at, name))]
    for path in names + files:
        try:
            with open(path, "rb") as f:
                if prefix in f.read(1 << 20):
                    found.append(path)
        except OSError:
            pass
    reached = []
    for family, address in ((socket.AF_INET, ("127.0.0.1", 8477)), (socket.AF_UNIX, "\0victim"), (socket.AF_UNIX, "/tmp/victim"),
                            (socket.AF_INET, ("169.254.169.254", 80))):
        s = socket.socket(family)
        s.settimeout(2)
        try:
            s.connect(address)
            reached.append(str(address))
        except OSError:
            pass
        s.close()
    return {"found": found, "reached": reached, "processes": len(names)}


def run(event):
    """Runs a program of the package, and says what it said."""
    import subprocess
    p = subprocess.run(["/var/task/escapee"] + event["args"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=25)
    return p.stdout


def die(event):
    """Takes the whole instance with it, whatever is left in there."""
    os._exit(1)


def orphan(event):
    """Leaves a child of a child behind that floods the log and burns, and answers."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                os.write(1, b"orphan\n" * 100)
        os._exit(0)
    return "answered"


def forge(event):
    """Calls ebb's APIs on the box's own endpoint without its keys, or with wrong ones."""
    at = urlparse(os.environ["AWS_ENDPOINT_URL"])
    answers = {}
    for method, path, headers in (
            ("GET", "/v1/node", {}), ("GET", "/v1/instances", {}), ("POST", "/v1/backup", {}),
            ("GET", "/2015-03-31/functions/", {}),
            ("GET", "/2015-03-31/functions/", {"Authorization": "Bearer " + "0" * 64}),
            ("POST", "/2015-03-31/functions/x/invocations", {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00"}),
            ("DELETE", "/2015-03-31/functions/x", {"Authorization": "Basic cm9vdDpyb290"}),
            ("GET", "/url/x/", {}), ("CONNECT", "127.0.0.1:22", {})):
        c = http.client.HTTPConnection(at.hostname, at.port, timeout=10)
        try:
            c.request(method, path, headers=headers)
            answers[method + " " + path + " " + headers.get("Authorization", "")[:6]] = c.getresponse().status
        except (OSError, http.client.HTTPException) as e:
            answers[method + " " + path] = 400
        c.close()
    return answers


def frames(event):
    """Does to the framed socket what it should not."""
    header = struct.pack(">IBBHI", event.get("length", 4), event.get("type", 3), 0, event.get("head", 0), event.get("stream", 1))
    if event["how"] == "garbage":
        os.write(3, os.urandom(4096))
    elif event["how"] == "header":
        os.write(3, header + b'"f"' + b" ")
    elif event["how"] == "close":
        os.close(3)
    elif event["how"] == "shutdown":
        socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
    elif event["how"] == "steal":  # what ebb says next
        threading.Thread(target=lambda: os.read(os.dup(3), 65536), daemon=True).start()
    return "answered"


def loris(event):
    """Opens many connections to both listeners and never ends a request."""
    for port in (9001, 9002):
        for _ in range(event["count"]):
            s = socket.socket()
            s.settimeout(0.05)
            try:
                s.connect(("127.0.0.1", port))
                s.send(b"POST /2015-03-31/functions/x/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\nX-A: ")
            except OSError:
                s.close()
                break
            held.append(s)
    return len(held)


def flood(event):
    """Prints without mercy."""
    line = b"x" * 199 + b"\n"
    for _ in range(event["megabytes"]):
        os.write(1, line * 5243)
    return "answered"


def take(event):
    """Uses that much memory at once."""
    return len(b"x" * (event["megabytes"] << 20)) >> 20


def random(event):
    """Throws every kind of dice."""
    import random as dice
    import secrets
    import ssl
    import uuid
    return [dice.random(), secrets.token_hex(8), ssl.RAND_bytes(8).hex(), str(uuid.uuid4())]
