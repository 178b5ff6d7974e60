"""The functions of the runtime contract suite, one per behaviour."""
import asyncio
import logging
import os
import subprocess
import sys
import threading
import time


class CustomError(Exception):
    pass


count = 0
lock = threading.Lock()


def echo(event, context):
    return event


def counter(event, context):
    global count
    count += 1
    return count


def context(event, context):
    client = context.client_context
    return {
        "requestId": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": int(context.memory_limit_in_mb),
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "remaining": context.get_remaining_time_in_millis(),
        "trace": os.environ.get("_X_AMZN_TRACE_ID", ""),
        "custom": client.custom if client else None,
    }


def environment(event, context):
    return dict(os.environ)


def error(event, context):
    raise CustomError("it broke: ü")


def crash(event, context):
    print("before the crash")
    os._exit(3)


def exit(event, context):
    print("before the exit")
    sys.exit(1)


def big(event, context):
    return "x" * event


def lines(event, context):
    for i in range(event):
        print("line", i)


def no_newline(event, context):
    sys.stdout.write("one\ntwo")


def binary(event, context):
    sys.stdout.buffer.write(b"\xff\x00\xfe\n")


def child(event, context):
    return subprocess.call(["sh", "-c", "echo from the child; exit 5"])


def sleep(event, context):
    print("going to sleep")
    time.sleep(60)


def files(event, context):
    try:
        with open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "written"), "w"):
            code = "writable"
    except OSError:
        code = "read-only"
    with open("/tmp/x", "w") as f:
        f.write("y")
    os.remove("/tmp/x")
    return {"code": code, "cwd": os.getcwd() == os.path.realpath(os.environ["LAMBDA_TASK_ROOT"])}


ran = []


def ran_so_far(event, context):
    return ran


def initialize(context):
    ran.append("initializer of {} with {}".format(
        context.function_name, "time" if context.get_remaining_time_in_millis() > 1000 else "no time"))


async def pre_freeze():
    print("freezing")
    ran.append("pre-freeze")


def pre_stop(context):
    raise CustomError("it broke: ü")


def hang(context):
    time.sleep(60)


present = 0


async def meet(event, context):
    """Waits until as many are here as the event says."""
    global present
    sys.stdout.write(context.aws_request_id + " has ")
    present += 1
    while present < event:
        await asyncio.sleep(0.001)
    print("come")
    logging.warning("of %s", context.aws_request_id)
    sys.stdout.write(context.aws_request_id + " leaves")
    return {"id": context.aws_request_id, "remaining": context.get_remaining_time_in_millis()}


def meet_threads(event, context):
    global present
    sys.stdout.write(context.aws_request_id + " has ")
    with lock:
        present += 1
    while present < event:
        time.sleep(0.001)
    print("come")
    logging.warning("of %s", context.aws_request_id)
    sys.stdout.write(context.aws_request_id + " leaves")
    return {"id": context.aws_request_id, "remaining": context.get_remaining_time_in_millis()}


async def perhaps(event, context):
    """Sleeps, fails or answers, as it is told."""
    if event == "fail":
        raise CustomError("it broke: ü")
    if event == "exit":
        sys.exit(1)
    if event == "sleep":
        await asyncio.sleep(60)
    return event


def perhaps_threads(event, context):
    if event == "fail":
        raise CustomError("it broke: ü")
    if event == "exit":
        sys.exit(1)
    if event == "sleep":
        time.sleep(60)
    return event
