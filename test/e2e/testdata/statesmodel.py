"""Goes through the 37 operations of Step Functions with boto3, by the model: each
answer has the members that its shape requires, each member of each input that
breaks a limit is refused as the model says, each list has pages.

    statesmodel.py PREFIX

Prints what went wrong, one line each, and exits 1 then.
"""
import json
import sys
import time

import boto3
import botocore.config
from botocore.exceptions import ClientError

PREFIX = sys.argv[1]
ROLE = "arn:aws:iam::000000000000:role/test"
# What the SDK would refuse itself is to get as far as the server.
CONFIG = botocore.config.Config(inject_host_prefix=False, retries={"max_attempts": 0}, read_timeout=90, parameter_validation=False)
sfn = boto3.client("stepfunctions", config=CONFIG)
model = sfn.meta.service_model
method = {name: python for python, name in sfn.meta.method_to_api_mapping.items()}
wrong, called = [], set()


def check(what, ok, *seen):
    if not ok:
        wrong.append("%s: %r" % (what, seen))


def lacks(shape, value, at):
    """The required members that an answer lacks."""
    if value is None:
        return [at]
    if shape.type_name == "structure":
        missing = [at + "." + m for m in shape.required_members if m not in value]
        for name, v in value.items():
            if name in shape.members:
                missing += lacks(shape.members[name], v, at + "." + name)
        return missing
    if shape.type_name == "list":
        return [x for i, v in enumerate(value) for x in lacks(shape.member, v, "%s[%d]" % (at, i))]
    return []


def call(operation, **arguments):
    called.add(operation)
    answer = getattr(sfn, method[operation])(**arguments)
    shape = model.operation_model(operation).output_shape
    answer.pop("ResponseMetadata")
    if shape is not None:
        missing = lacks(shape, answer, operation)
        check("required members", not missing, missing)
    return answer


def refused(what, code, operation, **arguments):
    try:
        getattr(sfn, method[operation])(**arguments)
        wrong.append("%s: not refused" % what)
    except ClientError as e:
        got = e.response["Error"]["Code"]
        check(what, got == code, e.response["Error"])
        known = {s.name for s in model.operation_model(operation).error_shapes} | {"ValidationException", "AccessDeniedException"}
        check(what + ": an error that the operation has", got in known, got)
        return e.response["Error"]


# Values that break a limit of a shape, with what they break.
def broken(shape):
    limits = shape.metadata
    if shape.type_name == "string":
        if "enum" in limits:
            yield "enum", "NOT_ONE_OF_THEM"
        if limits.get("max", 10**9) <= 2_000_000:
            yield "max", "a" * (limits["max"] + 1)
        if limits.get("min", 0) > 0:
            yield "min", ""
    elif shape.type_name in ("integer", "long"):
        if "max" in limits:
            yield "max", limits["max"] + 1
        if "min" in limits:
            yield "min", limits["min"] - 1
    elif shape.type_name == "list":
        if "max" in limits:
            yield "max", [whole(shape.member)] * (limits["max"] + 1)
        if limits.get("min", 0) > 0:
            yield "min", []


def whole(shape):
    """A value of a shape with its required members."""
    if shape.type_name == "structure":
        return {m: whole(shape.members[m]) for m in shape.required_members}
    if shape.type_name == "list":
        return [whole(shape.member)]
    if shape.type_name in ("integer", "long"):
        return 1
    if shape.type_name == "boolean":
        return True
    return "a"


good = {}  # operation → arguments that it takes


def limits(operation):
    """Every member of the input, one at a time, beyond its limits."""
    shape, arguments = model.operation_model(operation).input_shape, good[operation]
    allowed = {"ValidationException", "InvalidName", "InvalidArn", "InvalidDefinition"}
    for name, member in shape.members.items():
        trials = list(broken(member))
        if name in shape.required_members:
            trials.append(("required", None))
        for limit, value in trials:
            given = dict(arguments, **{name: value})
            if value is None:
                del given[name]
            try:
                getattr(sfn, method[operation])(**given)
                wrong.append("%s: %s beyond its %s is not refused" % (operation, name, limit))
            except ClientError as e:
                code = e.response["Error"]["Code"]
                check("%s: %s beyond its %s" % (operation, name, limit), code in allowed and e.response["ResponseMetadata"]["HTTPStatusCode"] == 400, e.response["Error"])


def pages(operation, key, want, **arguments):
    """The list in pages of one is the list as a whole."""
    all, token = [], None
    for _ in range(50):
        answer = call(operation, maxResults=1, **dict(arguments, **({"nextToken": token} if token else {})))
        check(operation + ": a page", len(answer[key]) <= 1, answer)
        all += answer[key]
        token = answer.get("nextToken")
        if not token:
            break
    check(operation + ": pages", all == call(operation, **arguments)[key] and len(all) >= want, all)
    refused(operation + ": a token that is none", "InvalidToken", operation, nextToken="x", **arguments)
    other = "ListActivities" if operation != "ListActivities" else "ListStateMachines"
    if operation in ("ListStateMachines", "ListActivities"):
        token = call(operation, maxResults=1).get("nextToken")
        refused(operation + ": a token of another list", "InvalidToken", other, nextToken=token)


PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
PASS2 = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 2, "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}})
FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}})
MAP = json.dumps({"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "L", "ToleratedFailurePercentage": 50, "ItemProcessor": {
    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "End": True}}})


def end(arn):
    for _ in range(600):
        x = call("DescribeExecution", executionArn=arn)
        if x["status"] != "RUNNING":
            return x
        time.sleep(0.05)
    return x


def run(machine, text="{}"):
    return end(call("StartExecution", stateMachineArn=machine, input=text)["executionArn"])


# State machines.
good["CreateStateMachine"] = dict(name=PREFIX + "m", definition=PASS, roleArn=ROLE)
machine = call("CreateStateMachine", **good["CreateStateMachine"])["stateMachineArn"]
check("create again", call("CreateStateMachine", **dict(good["CreateStateMachine"], roleArn=ROLE + "2", tags=[{"key": "a", "value": "b"}]))["stateMachineArn"] == machine)
x = call("DescribeStateMachine", stateMachineArn=machine)
check("the first one stays", x["roleArn"] == ROLE and x["status"] == "ACTIVE" and x["type"] == "STANDARD" and "revisionId" not in x
      and x["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False} and x["tracingConfiguration"] == {"enabled": False}
      and x["encryptionConfiguration"] == {"type": "AWS_OWNED_KEY"}, x)
check("its tags stay", call("ListTagsForResource", resourceArn=machine)["tags"] == [])
refused("another definition", "StateMachineAlreadyExists", "CreateStateMachine", **dict(good["CreateStateMachine"], definition=PASS2))
refused("no definition", "InvalidDefinition", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", definition="{"))
for name in ("a b", "a<b", "a*b", "a:b", "a/b", "a\u0001b"):
    refused("name %r" % name, "InvalidName", "CreateStateMachine", **dict(good["CreateStateMachine"], name=name))
refused("no role", "InvalidArn", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", roleArn="role"))
refused("a description without a version", "ValidationException", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", versionDescription="d"))
refused("too many tags", "TooManyTags", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", tags=[{"key": str(i), "value": ""} for i in range(51)]))
refused("a log without a place", "InvalidLoggingConfiguration", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", loggingConfiguration={"level": "ALL"}))
refused("a key of one's own", "InvalidEncryptionConfiguration", "CreateStateMachine", **dict(good["CreateStateMachine"], name=PREFIX + "n", encryptionConfiguration={"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "k"}))
good["DescribeStateMachine"] = good["DeleteStateMachine"] = dict(stateMachineArn=machine)
check("metadata only", call("DescribeStateMachine", stateMachineArn=machine, includedData="METADATA_ONLY")["definition"] == "{}")
good["UpdateStateMachine"] = dict(stateMachineArn=machine, roleArn=ROLE)
refused("nothing to update", "MissingRequiredParameter", "UpdateStateMachine", stateMachineArn=machine)
refused("nothing but publish", "MissingRequiredParameter", "UpdateStateMachine", stateMachineArn=machine, publish=True)
for operation in ("DescribeStateMachine", "UpdateStateMachine", "StartExecution", "DeleteStateMachine"):
    more = dict(roleArn=ROLE) if operation == "UpdateStateMachine" else {}
    refused(operation + " of a Map state", "ValidationException", operation, stateMachineArn=machine + "/label", **more)
    refused(operation + " of no ARN", "InvalidArn", operation, stateMachineArn="arn:nonsense", **more)
    if operation != "DeleteStateMachine":
        refused(operation + " of none", "StateMachineDoesNotExist", operation, stateMachineArn=machine + "x", **more)

# Versions and aliases.
good["PublishStateMachineVersion"] = dict(stateMachineArn=machine)
v1 = call("PublishStateMachineVersion", stateMachineArn=machine, revisionId="INITIAL", description="one")["stateMachineVersionArn"]
check("a version", v1 == machine + ":1" and call("PublishStateMachineVersion", stateMachineArn=machine)["stateMachineVersionArn"] == v1)
x = call("UpdateStateMachine", stateMachineArn=machine, definition=PASS2, publish=True, versionDescription="two")
v2 = x["stateMachineVersionArn"]
check("the second version", v2 == machine + ":2" and x["revisionId"] == call("DescribeStateMachine", stateMachineArn=machine)["revisionId"], x)
refused("another revision", "ConflictException", "PublishStateMachineVersion", stateMachineArn=machine, revisionId="INITIAL")
check("a version as it was", call("DescribeStateMachine", stateMachineArn=v1)["definition"] == PASS and call("DescribeStateMachine", stateMachineArn=v1)["description"] == "one")
pages("ListStateMachineVersions", "stateMachineVersions", 2, stateMachineArn=machine)
check("the newest version first", [v["stateMachineVersionArn"] for v in call("ListStateMachineVersions", stateMachineArn=machine)["stateMachineVersions"]] == [v2, v1])
good["CreateStateMachineAlias"] = dict(name="zero", routingConfiguration=[{"stateMachineVersionArn": v1, "weight": 100}])
zero = call("CreateStateMachineAlias", **good["CreateStateMachineAlias"])["stateMachineAliasArn"]
check("an alias again", call("CreateStateMachineAlias", **good["CreateStateMachineAlias"])["stateMachineAliasArn"] == zero)
time.sleep(0.002)
live = call("CreateStateMachineAlias", name="live", description="d", routingConfiguration=[{"stateMachineVersionArn": v1, "weight": 30}, {"stateMachineVersionArn": v2, "weight": 70}])["stateMachineAliasArn"]
refused("an alias that differs", "ConflictException", "CreateStateMachineAlias", **dict(good["CreateStateMachineAlias"], description="other"))
for what, routing in {
    "weights": [{"stateMachineVersionArn": v1, "weight": 30}, {"stateMachineVersionArn": v2, "weight": 60}],
    "one version twice": [{"stateMachineVersionArn": v1, "weight": 50}, {"stateMachineVersionArn": v1, "weight": 50}],
    "no version": [{"stateMachineVersionArn": machine, "weight": 100}],
    "three": [{"stateMachineVersionArn": v1, "weight": 50}, {"stateMachineVersionArn": v2, "weight": 50}, {"stateMachineVersionArn": v2, "weight": 0}],
}.items():
    refused("routing: " + what, "ValidationException", "CreateStateMachineAlias", name="bad", routingConfiguration=routing)
refused("routing to none", "ResourceNotFound", "CreateStateMachineAlias", name="bad", routingConfiguration=[{"stateMachineVersionArn": machine + ":9", "weight": 100}])
refused("an alias like a version", "ValidationException", "CreateStateMachineAlias", **dict(good["CreateStateMachineAlias"], name="12"))
good["DescribeStateMachineAlias"] = dict(stateMachineAliasArn=live)
x = call("DescribeStateMachineAlias", stateMachineAliasArn=live)
check("an alias's description", x["description"] == "d" and x["name"] == "live" and [r["weight"] for r in x["routingConfiguration"]] == [30, 70], x)
good["UpdateStateMachineAlias"] = dict(stateMachineAliasArn=live, description="e")
call("UpdateStateMachineAlias", **good["UpdateStateMachineAlias"])
refused("an alias updated with nothing", "ValidationException", "UpdateStateMachineAlias", stateMachineAliasArn=live)
good["ListStateMachineAliases"] = good["ListStateMachineVersions"] = dict(stateMachineArn=machine)
pages("ListStateMachineAliases", "stateMachineAliases", 2, stateMachineArn=machine)
check("the newest alias first", [a["stateMachineAliasArn"] for a in call("ListStateMachineAliases", stateMachineArn=machine)["stateMachineAliases"]] == [live, zero])
check("aliases of a version", [a["stateMachineAliasArn"] for a in call("ListStateMachineAliases", stateMachineArn=v2)["stateMachineAliases"]] == [live])
good["DeleteStateMachineVersion"] = dict(stateMachineVersionArn=v2)
refused("a version of an alias", "ConflictException", "DeleteStateMachineVersion", stateMachineVersionArn=v2)
good["DeleteStateMachineAlias"] = dict(stateMachineAliasArn=live)

# Executions.
good["StartExecution"] = dict(stateMachineArn=machine)
x = run(live)
check("by an alias", x["stateMachineAliasArn"] == live and x["stateMachineVersionArn"] in (v1, v2) and x["stateMachineArn"] == machine, x)
x = run(v1, '{"a": 1}')
check("by a version", x["stateMachineVersionArn"] == v1 and "stateMachineAliasArn" not in x and x["output"] == '{"a":1}' and x["redriveStatus"] == "NOT_REDRIVABLE"
      and x["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven" and x["redriveCount"] == 0 and x["inputDetails"] == {"included": True}, x)
good["DescribeExecution"] = good["GetExecutionHistory"] = good["DescribeStateMachineForExecution"] = good["ListMapRuns"] = dict(executionArn=x["executionArn"])
check("without data", not {"input", "output", "inputDetails"} & set(call("DescribeExecution", executionArn=x["executionArn"], includedData="METADATA_ONLY")))
y = call("DescribeStateMachineForExecution", executionArn=x["executionArn"])
check("the machine of an execution", y["definition"] == PASS and "mapRunArn" not in y, y)
pages("GetExecutionHistory", "events", 4, executionArn=x["executionArn"])
forth, back = (call("GetExecutionHistory", executionArn=x["executionArn"], reverseOrder=b)["events"] for b in (False, True))
check("history backwards", forth == back[::-1] and [e["id"] for e in forth] == [1, 2, 3, 4], back)
check("history without data", "input" not in call("GetExecutionHistory", executionArn=x["executionArn"], includeExecutionData=False)["events"][0]["executionStartedEventDetails"])
for operation in ("DescribeExecution", "GetExecutionHistory", "DescribeStateMachineForExecution", "StopExecution", "RedriveExecution", "ListMapRuns"):
    refused(operation + " of none", "ExecutionDoesNotExist", operation, executionArn=x["executionArn"] + "x")
    refused(operation + " of no ARN", "InvalidArn", operation, executionArn="nonsense")
    refused(operation + " of a state machine", "InvalidArn", operation, executionArn=machine)
slow = call("CreateStateMachine", name=PREFIX + "slow", definition=WAIT, roleArn=ROLE)["stateMachineArn"]
a = call("StartExecution", stateMachineArn=slow, name="one", input='{"a":1}', traceHeader="Root=1-2-3")
check("a name again", call("StartExecution", stateMachineArn=slow, name="one", input='{"a":1}') == a)
check("the trace", call("DescribeExecution", executionArn=a["executionArn"])["traceHeader"] == "Root=1-2-3")


def traced(request, **_):
    request.headers["X-Amzn-Trace-Id"] = "Root=4-5-6"


sfn.meta.events.register("before-sign.sfn.StartExecution", traced)
x = call("StartExecution", stateMachineArn=machine, traceHeader="Root=1-2-3")["executionArn"]
sfn.meta.events.unregister("before-sign.sfn.StartExecution", traced)
check("the header goes before the input", call("DescribeExecution", executionArn=x)["traceHeader"] == "Root=4-5-6")
refused("a name with other input", "ExecutionAlreadyExists", "StartExecution", stateMachineArn=slow, name="one", input='{"a":2}')
refused("a bad name", "InvalidName", "StartExecution", stateMachineArn=slow, name="a b")
refused("bad input", "InvalidExecutionInput", "StartExecution", stateMachineArn=slow, input="{")
refused("a running one", "ExecutionNotRedrivable", "RedriveExecution", executionArn=a["executionArn"])
good["StopExecution"] = dict(executionArn=a["executionArn"])
call("StopExecution", executionArn=a["executionArn"], error="E", cause="C")
x = end(a["executionArn"])
check("stopped", x["status"] == "ABORTED" and x["error"] == "E" and x["cause"] == "C" and x["redriveStatus"] == "REDRIVABLE" and "redriveStatusReason" not in x, x)
refused("the name of one that ended", "ExecutionAlreadyExists", "StartExecution", stateMachineArn=slow, name="one", input='{"a":1}')
good["RedriveExecution"] = dict(executionArn=a["executionArn"])
date = call("RedriveExecution", executionArn=a["executionArn"], clientToken="t")["redriveDate"]
check("a redrive with its token again", call("RedriveExecution", executionArn=a["executionArn"], clientToken="t")["redriveDate"] == date)
x = call("DescribeExecution", executionArn=a["executionArn"])
check("redriven", x["status"] == "RUNNING" and x["redriveCount"] == 1 and x["redriveDate"] == date, x)
call("StopExecution", executionArn=a["executionArn"])
good["ListExecutions"] = dict(stateMachineArn=machine)
pages("ListExecutions", "executions", 2, stateMachineArn=machine)
check("by status", [e["status"] for e in call("ListExecutions", stateMachineArn=slow, statusFilter="ABORTED")["executions"]] == ["ABORTED"]
      and call("ListExecutions", stateMachineArn=slow, statusFilter="RUNNING")["executions"] == [])
refused("lists of nothing", "ValidationException", "ListExecutions")
refused("lists of two", "ValidationException", "ListExecutions", stateMachineArn=slow, mapRunArn=slow)
refused("pending redrive without a map run", "ValidationException", "ListExecutions", stateMachineArn=slow, statusFilter="PENDING_REDRIVE")
refused("a redrive filter without a map run", "ValidationException", "ListExecutions", stateMachineArn=slow, redriveFilter="REDRIVEN")
refused("executions of none", "StateMachineDoesNotExist", "ListExecutions", stateMachineArn=slow + "x")
good["ListStateMachines"] = good["ListActivities"] = {}
pages("ListStateMachines", "stateMachines", 2)

# Express.
express = call("CreateStateMachine", name=PREFIX + "express", definition=FAIL, roleArn=ROLE, type="EXPRESS")["stateMachineArn"]
good["StartSyncExecution"] = dict(stateMachineArn=express)
x = call("StartSyncExecution", stateMachineArn=express, input="[1]", name="n")
check("express", x["status"] == "FAILED" and x["error"] == "E" and x["input"] == "[1]" and x["name"] == "n" and "output" not in x and x["stateMachineArn"] == express, x)
call("StartExecution", stateMachineArn=express)
refused("a standard one at once", "StateMachineTypeNotSupported", "StartSyncExecution", stateMachineArn=machine)
refused("executions of Express", "StateMachineTypeNotSupported", "ListExecutions", stateMachineArn=express)
refused("the execution of Express", "InvalidArn", "DescribeExecution", executionArn=x["executionArn"])
refused("Express with a token", "InvalidDefinition", "CreateStateMachine", name=PREFIX + "bad", roleArn=ROLE, type="EXPRESS", definition=json.dumps(
    {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": True}}}))

# Map runs.
mapper = call("CreateStateMachine", name=PREFIX + "map", definition=MAP, roleArn=ROLE)["stateMachineArn"]
x = run(mapper, "[1, 2, 3]")
pages("ListMapRuns", "mapRuns", 1, executionArn=x["executionArn"])
listed = call("ListMapRuns", executionArn=x["executionArn"])["mapRuns"][0]
mapped = listed["mapRunArn"]
check("a map run in the list", listed["stateMachineArn"] == mapper + "/L" and listed["executionArn"] == x["executionArn"] and "stopDate" in listed, listed)
good["DescribeMapRun"] = good["UpdateMapRun"] = dict(mapRunArn=mapped)
x = call("DescribeMapRun", mapRunArn=mapped)
counts = dict(pending=0, running=0, succeeded=3, failed=0, timedOut=0, aborted=0, total=3, resultsWritten=3, failuresNotRedrivable=0, pendingRedrive=0)
check("a map run", x["status"] == "SUCCEEDED" and x["itemCounts"] == counts and x["executionCounts"] == counts and x["redriveCount"] == 0
      and x["maxConcurrency"] == 0 and x["toleratedFailurePercentage"] == 50.0 and x["toleratedFailureCount"] == 0, x)
children = call("ListExecutions", mapRunArn=mapped)["executions"]
check("children", len(children) == 3 and all(c["mapRunArn"] == mapped and c["itemCount"] == 1 for c in children), children)
pages("ListExecutions", "executions", 3, mapRunArn=mapped)
y = call("DescribeStateMachineForExecution", executionArn=children[0]["executionArn"])
check("a child's machine", y["mapRunArn"] == mapped and y["label"] == "L" and y["stateMachineArn"] == mapper + "/L", y)
check("a child", call("DescribeExecution", executionArn=children[0]["executionArn"])["mapRunArn"] == mapped)
refused("a map run that is over", "ValidationException", "UpdateMapRun", mapRunArn=mapped, maxConcurrency=3)
refused("no map run", "ResourceNotFound", "DescribeMapRun", mapRunArn=mapped + "x")
long = call("CreateStateMachine", name=PREFIX + "longmap", roleArn=ROLE, definition=MAP.replace('"Type": "Pass", "End"', '"Type": "Wait", "Seconds": 1000, "End"'))["stateMachineArn"]
a = call("StartExecution", stateMachineArn=long, input="[1, 2]")["executionArn"]
for _ in range(600):
    runs = call("ListMapRuns", executionArn=a)["mapRuns"]
    if runs:
        break
    time.sleep(0.05)
call("UpdateMapRun", mapRunArn=runs[0]["mapRunArn"], maxConcurrency=7, toleratedFailureCount=1, toleratedFailurePercentage=2.5)
x = call("DescribeMapRun", mapRunArn=runs[0]["mapRunArn"])
check("a map run that was changed", (x["maxConcurrency"], x["toleratedFailureCount"], x["toleratedFailurePercentage"], x["status"]) == (7, 1, 2.5, "RUNNING"), x)
call("StopExecution", executionArn=a)

# Activities and tokens.
good["CreateActivity"] = dict(name=PREFIX + "work")
activity = call("CreateActivity", name=PREFIX + "work", tags=[{"key": "a", "value": "b"}])
check("an activity again", call("CreateActivity", name=PREFIX + "work", tags=[{"key": "c", "value": "d"}]) == activity)
activity = activity["activityArn"]
check("its tags", call("ListTagsForResource", resourceArn=activity)["tags"] == [{"key": "a", "value": "b"}])
refused("a bad name", "InvalidName", "CreateActivity", name="a b")
good["DescribeActivity"] = good["GetActivityTask"] = good["DeleteActivity"] = dict(activityArn=activity)
call("DescribeActivity", activityArn=activity)
call("CreateActivity", name=PREFIX + "other")
pages("ListActivities", "activities", 2)
refused("no activity", "ActivityDoesNotExist", "DescribeActivity", activityArn=activity + "x")
refused("a task of none", "ActivityDoesNotExist", "GetActivityTask", activityArn=activity + "x")
worker = call("CreateStateMachine", name=PREFIX + "worker", roleArn=ROLE, definition=json.dumps({"StartAt": "T", "States": {"T": {
    "Type": "Task", "Resource": activity, "TimeoutSeconds": 60, "HeartbeatSeconds": 50, "End": True}}}))["stateMachineArn"]
waiting = [call("StartExecution", stateMachineArn=worker, input=text)["executionArn"] for text in ("1", "2")]
tokens = {}
for _ in waiting:
    task = call("GetActivityTask", activityArn=activity, workerName="w")
    tokens[task["input"]] = task["taskToken"]
call("SendTaskHeartbeat", taskToken=tokens["1"])
refused("output that is no JSON", "InvalidOutput", "SendTaskSuccess", taskToken=tokens["1"], output="{")
call("SendTaskSuccess", taskToken=tokens["1"], output='"done"')
call("SendTaskFailure", taskToken=tokens["2"], error="E", cause="C")
x = end(waiting[0])
check("an activity's success", x.get("output") == '"done"', x)
x = end(waiting[1])
check("an activity's failure", (x.get("error"), x.get("cause")) == ("E", "C"), x)
good["SendTaskSuccess"] = dict(taskToken="x", output="1")
good["SendTaskFailure"] = good["SendTaskHeartbeat"] = dict(taskToken="x")
for operation in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
    refused(operation + " with no token", "InvalidToken", operation, **good[operation])
    refused(operation + " too late", "TaskTimedOut", operation, **dict(good[operation], taskToken=tokens["1"]))

# Tags.
good["TagResource"] = dict(resourceArn=machine, tags=[{"key": "a", "value": "b"}])
good["UntagResource"] = dict(resourceArn=machine, tagKeys=["a"])
good["ListTagsForResource"] = dict(resourceArn=machine)
call("TagResource", resourceArn=machine, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
call("TagResource", resourceArn=machine, tags=[{"key": "a", "value": "2"}])
check("tags", call("ListTagsForResource", resourceArn=machine)["tags"] == [{"key": "a", "value": "2"}, {"key": "b", "value": ""}])
call("UntagResource", resourceArn=machine, tagKeys=["b", "none"])
check("tags that are left", call("ListTagsForResource", resourceArn=machine)["tags"] == [{"key": "a", "value": "2"}])
refused("51 tags", "TooManyTags", "TagResource", resourceArn=machine, tags=[{"key": "k%d" % i, "value": ""} for i in range(50)])
for operation, more in {"TagResource": dict(tags=[]), "UntagResource": dict(tagKeys=[]), "ListTagsForResource": {}}.items():
    refused(operation + " of none", "ResourceNotFound", operation, resourceArn=machine + "x", **more)
    refused(operation + " of no ARN", "InvalidArn", operation, resourceArn="nonsense", **more)

# Without executions.
good["TestState"] = dict(definition=json.dumps({"Type": "Pass", "Assign": {"n": 1}, "End": True}), input='{"a": 1}')
x = call("TestState", inspectionLevel="DEBUG", variables='{"m": 2}', **good["TestState"])
check("a trial", x["status"] == "SUCCEEDED" and x["output"] == '{"a":1}' and json.loads(x["inspectionData"]["variables"]) == {"m": 2, "n": 1}, x)
check("a trial of a whole machine", call("TestState", definition=FAIL, stateName="F").get("cause") == "C")
refused("a trial of no state", "InvalidDefinition", "TestState", definition="{}")
refused("a trial of another state", "ValidationException", "TestState", definition=FAIL, stateName="G")
refused("a trial with bad input", "InvalidExecutionInput", "TestState", **dict(good["TestState"], input="{"))
put = json.dumps({"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": []}, "End": True})
x = refused("a mock that its API cannot answer", "ValidationException", "TestState", definition=put, mock={"result": '{"Entries": 1}'})
check("what is wrong with it", x and x["Message"] == "Mock result schema validation error: Field 'Entries' must be an array", x)
check("a mock that is not checked", call("TestState", definition=put, mock={"result": '{"Entries": 1}', "fieldValidationMode": "NONE"})["status"] == "SUCCEEDED")
each = json.dumps({"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "End": True})
x = call("TestState", definition=each, input="[1]", mock={"errorOutput": {"error": "E", "cause": "C"}}, stateConfiguration={"errorCausedByState": "A", "mapIterationFailureCount": 1})
check("an error within a Map", (x["status"], x["error"], x["cause"]) == ("FAILED", "E", "C"), x)
good["ValidateStateMachineDefinition"] = dict(definition=PASS)
check("a definition that is valid", call("ValidateStateMachineDefinition", definition=PASS) == {"result": "OK", "diagnostics": [], "truncated": False})
bad = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass"}, "B": {"Type": "Task", "End": True}}})
x = call("ValidateStateMachineDefinition", definition=bad, maxResults=1)
check("the first thing that is wrong", x["result"] == "FAIL" and len(x["diagnostics"]) == 1 and x["truncated"] is True, x)
odd = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "$.a", "End": True}}})
check("a warning", call("ValidateStateMachineDefinition", definition=odd)["diagnostics"] == []
      and [d["severity"] for d in call("ValidateStateMachineDefinition", definition=odd, severity="WARNING")["diagnostics"]] == ["WARNING"])

for operation in sorted(good):
    limits(operation)

# What is deleted is gone; to delete it again is no error, but for aliases.
call("DeleteStateMachineAlias", stateMachineAliasArn=live)
refused("an alias that is gone", "ResourceNotFound", "DescribeStateMachineAlias", stateMachineAliasArn=live)
refused("an alias that is gone, deleted", "ResourceNotFound", "DeleteStateMachineAlias", stateMachineAliasArn=live)
for _ in range(2):
    call("DeleteStateMachineVersion", stateMachineVersionArn=v2)
    call("DeleteActivity", activityArn=activity)
refused("an activity that is gone", "ActivityDoesNotExist", "DescribeActivity", activityArn=activity)
for arn in [m["stateMachineArn"] for m in call("ListStateMachines", maxResults=1000)["stateMachines"] if m["name"].startswith(PREFIX)]:
    call("DeleteStateMachine", stateMachineArn=arn)
    call("DeleteStateMachine", stateMachineArn=arn)
for _ in range(600):
    left = [m["name"] for m in sfn.list_state_machines(maxResults=1000)["stateMachines"] if m["name"].startswith(PREFIX)]
    if not left:
        break
    time.sleep(0.05)
check("state machines that are gone", not left, left)

check("all operations were called", set(model.operation_names) == called, set(model.operation_names) - called)
check("the limits of all inputs were tried", set(model.operation_names) == set(good), set(model.operation_names) - set(good))
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
