"""Errors as callers and logs see them."""
import json
import os
import time
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__))


class Fault(Exception):
    """A failure that has a name of its own in the platform."""

    def __init__(self, error_type, message, trace=None):
        Exception.__init__(self, message)
        self.error_type = error_type
        self.trace = trace or []


def describe(exc, request_id):
    """Returns (error type, message, stack trace, error document)."""
    if isinstance(exc, Fault):
        error_type, trace = exc.error_type, exc.trace
    else:
        error_type, trace = type(exc).__name__, stack(exc)
    try:
        message = str(exc)
    except Exception:  # pylint: disable=broad-except
        message = "the message of this exception cannot be read"
    document = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}
    return error_type, message, trace, json.dumps(document).encode("ascii")


def stack(exc):
    """The function's own part of the traceback, as Lambda spells it."""
    entries = traceback.extract_tb(exc.__traceback__)
    own = [e for e in entries if not e[0].startswith((_HERE, "<frozen importlib"))
           and not e[0].endswith("/importlib/__init__.py")]
    return traceback.format_list(own)


def entry(request_id, error_type, message, trace):
    """The same for the log, in the function's log format."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON":
        return text(error_type, message, trace)
    now = time.time()
    fields = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + ".%03dZ" % (now % 1 * 1000),
        "log_level": "ERROR", "errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": trace}
    return json.dumps(fields)


def text(error_type, message, trace):
    """The same as lines of text."""
    head = "[ERROR] {}: {}".format(error_type, message) if message else "[ERROR] {}".format(error_type)
    if not trace:
        return head
    return head + "\nTraceback (most recent call last):\n" + "".join(trace).rstrip("\n")
