"""Drives workflows with boto3: functions, callbacks from within a box, activities,
nested executions, SDK integrations, versions and aliases, trials, pages.

    workflows.py NAME

Prints what went wrong, one line each, and exits 1 then.
"""
import io
import json
import sys
import time
import zipfile

import boto3
import botocore.config
from botocore.exceptions import ClientError

PREFIX = sys.argv[1]
ROLE = "arn:aws:iam::000000000000:role/test"
# The SDK would put "sync-" before the host for two operations; ebb has one address.
CONFIG = botocore.config.Config(inject_host_prefix=False, retries={"max_attempts": 0}, read_timeout=90)
sfn = boto3.client("stepfunctions", config=CONFIG)
functions = boto3.client("lambda", config=CONFIG)
wrong = []


def check(what, ok, *seen):
    if not ok:
        wrong.append("%s: %r" % (what, seen))


def refused(what, code, call, **arguments):
    try:
        call(**arguments)
        wrong.append("%s: not refused" % what)
    except ClientError as e:
        check(what, e.response["Error"]["Code"] == code, e.response["Error"])


def function(name, code):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as z:
        z.writestr("app.py", code)
    functions.create_function(FunctionName=name, Runtime="python3", Handler="app.handler", Role=ROLE, Timeout=30, Code={"ZipFile": data.getvalue()})


def machine(name, definition, roleArn=ROLE, **more):
    return sfn.create_state_machine(name=PREFIX + name, definition=json.dumps(definition), roleArn=roleArn, **more)["stateMachineArn"]


# A role that may do what tasks of the platform's own do beside calling functions.
PLANNER = "arn:aws:iam::000000000000:role/" + PREFIX + "planner"


def task(resource, parameters, **more):
    return {"StartAt": "T", "States": {"T": dict({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}, **more)}}


def end(arn):
    for _ in range(600):
        x = sfn.describe_execution(executionArn=arn)
        if x["status"] != "RUNNING":
            return x
        time.sleep(0.05)
    return x


def run(arn, value):
    return end(sfn.start_execution(stateMachineArn=arn, input=json.dumps(value))["executionArn"])


echo, caller = PREFIX + "echo", PREFIX + "caller"
function(echo, "def handler(event, context):\n    if event == 'raise':\n        raise ValueError('no')\n    return event\n")
function(caller, "import boto3, json\ndef handler(event, context):\n    boto3.client('stepfunctions').send_task_success(taskToken=event['token'], output=json.dumps({'from': 'box'}))\n")

invoke = machine("invoke", task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload.$": "$"}))
x = run(invoke, {"a": [1, 2]})
answer = json.loads(x.get("output", "{}"))
check("invoke", x["status"] == "SUCCEEDED" and answer["Payload"] == {"a": [1, 2]} and answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST", x)
x = run(invoke, "raise")
check("a function's error", x["status"] == "FAILED" and x["error"] == "ValueError" and json.loads(x["cause"])["errorMessage"] == "no", x)
history = sfn.get_execution_history(executionArn=x["executionArn"])["events"]
check("history", [e["type"] for e in history] == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "ExecutionFailed"], history)
pages = list(sfn.get_paginator("get_execution_history").paginate(executionArn=x["executionArn"], PaginationConfig={"PageSize": 2}))
check("pages of history", len(pages) == 3 and [e["id"] for p in pages for e in p["events"]] == list(range(1, 7)), pages)
last = sfn.get_execution_history(executionArn=x["executionArn"], reverseOrder=True, maxResults=1)["events"]
check("the last event first", last[0]["type"] == "ExecutionFailed", last)
check("list of executions", [e["status"] for e in sfn.list_executions(stateMachineArn=invoke)["executions"]] == ["FAILED", "SUCCEEDED"])

x = run(machine("callback", task("arn:aws:states:::lambda:invoke.waitForTaskToken", {"FunctionName": caller, "Payload": {"token.$": "$$.Task.Token"}}, TimeoutSeconds=30)), {})
check("a callback from within a box", x.get("output") == '{"from":"box"}', x)

activity = sfn.create_activity(name=PREFIX + "work")["activityArn"]
waiting = sfn.start_execution(stateMachineArn=machine("activity", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}), input='{"n": 1}')["executionArn"]
got = sfn.get_activity_task(activityArn=activity, workerName="w")
check("an activity's task", json.loads(got["input"]) == {"n": 1}, got)
sfn.send_task_heartbeat(taskToken=got["taskToken"])
sfn.send_task_success(taskToken=got["taskToken"], output="2")
check("an activity", end(waiting).get("output") == "2")
refused("a token twice", "TaskTimedOut", sfn.send_task_success, taskToken=got["taskToken"], output="2")
refused("a wrong token", "InvalidToken", sfn.send_task_success, taskToken="x", output="2")

nested = task("arn:aws:states:::states:startExecution.sync:2", {"StateMachineArn": invoke, "Input": {"b": 1}}, OutputPath="$.Output.Payload")
check("nested", json.loads(run(machine("nested", nested), {}).get("output", "0")) == {"b": 1})
x = run(machine("sdk", task("arn:aws:states:::aws-sdk:lambda:getFunctionConfiguration", {"FunctionName": echo}, OutputPath="$.Handler")), {})
check("aws-sdk:lambda", x.get("output") == '"app.handler"', x)
x = run(machine("sdk2", task("arn:aws:states:::aws-sdk:sfn:describeStateMachine", {"StateMachineArn": invoke}, OutputPath="$.Status")), {})
check("aws-sdk:sfn", x.get("output") == '"ACTIVE"', x)
schedule = {"Name": PREFIX + "nightly", "ScheduleExpression": "cron(0 2 * * ? *)", "ScheduleExpressionTimezone": "Asia/Shanghai",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": invoke, "RoleArn": ROLE, "Input": "{\"n\": 1}"}}
sdk = lambda name, parameters: run(machine(name, task("arn:aws:states:::aws-sdk:scheduler:" + name, parameters), roleArn=PLANNER), {})
x = sdk("createSchedule", schedule)
check("aws-sdk:scheduler", x.get("output", "").endswith(":schedule/default/" + PREFIX + 'nightly"}'), x)
x = sdk("getSchedule", {"Name": PREFIX + "nightly"})
got = json.loads(x.get("output", "{}"))
check("a schedule", {k: got.get(k) for k in ("ScheduleExpression", "ScheduleExpressionTimezone", "State")} ==
      {"ScheduleExpression": "cron(0 2 * * ? *)", "ScheduleExpressionTimezone": "Asia/Shanghai", "State": "ENABLED"}
      and got["Target"]["Arn"] == invoke and json.loads(got["Target"]["Input"]) == {"n": 1}, x)
sdk("deleteSchedule", {"Name": PREFIX + "nightly"})
x = run(machine("gone", task("arn:aws:states:::aws-sdk:scheduler:getSchedule", {"Name": PREFIX + "nightly"}), roleArn=PLANNER), {})
check("a schedule that is no more", x.get("error") == "Scheduler.ResourceNotFoundException", x)
x = run(machine("denied", task("arn:aws:states:::aws-sdk:scheduler:getSchedule", {"Name": PREFIX + "nightly"})), {})
check("a role without permission", x.get("error") == "Scheduler.AccessDeniedException", x)

put = task("arn:aws:states:::events:putEvents", {"Entries": [{"Source": "bank", "DetailType": "Booked", "Detail": {"n.$": "$.n"}}]})
x = run(machine("put", put, roleArn=PLANNER), {"n": 7})
check("events:putEvents", x["status"] == "SUCCEEDED" and json.loads(x["output"])["FailedEntryCount"] == 0 and json.loads(x["output"])["Entries"][0]["EventId"], x)
put["States"]["T"]["Parameters"]["Entries"][0]["EventBusName"] = "other"
x = run(machine("put2", put, roleArn=PLANNER), {"n": 7})
check("an event that the bus does not take", x.get("error") == "EventBridge.FailedEntry", x)
x = run(machine("put3", put), {"n": 7})
check("events:putEvents without permission", x.get("error") == "EventBridge.AccessDeniedException", x)

call = task("arn:aws:states:::http:invoke", {"ApiEndpoint": sys.argv[2], "Method": "GET", "Authentication": {
    "ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/" + PREFIX + "bank/1"}}, OutputPath="$.ResponseBody")
x = run(machine("http", call, roleArn=PLANNER), {})
check("an HTTP task", x.get("output") == '{"key":"k1"}', x)
x = run(machine("http2", call), {})
check("an HTTP task without permission", x.get("error") == "Events.ConnectionResource.AccessDenied", x)
call["States"]["T"]["Parameters"]["ApiEndpoint"] = "http://127.0.0.1:9/"
x = run(machine("http3", call, roleArn=PLANNER), {})
check("an HTTP task to elsewhere", x.get("error") == "States.Http.Socket" and "not among the targets" in x["cause"], x)
x = run(machine("other", task("arn:aws:states:::sqs:sendMessage", {})), {})
check("what ebb does not offer", x["error"] == "States.Runtime" and "not offered" in x["cause"], x)

express = machine("express", task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload.$": "$"}, OutputPath="$.Payload"), type="EXPRESS",
                  loggingConfiguration={"level": "ALL", "includeExecutionData": True, "destinations": [
                      {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:express:*"}}]})
x = sfn.start_sync_execution(stateMachineArn=express, input="[1]")
check("express", x["status"] == "SUCCEEDED" and x["output"] == "[1]" and x["billingDetails"]["billedDurationInMilliseconds"] >= 100, x)

version = sfn.publish_state_machine_version(stateMachineArn=invoke)["stateMachineVersionArn"]
alias = sfn.create_state_machine_alias(name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}])["stateMachineAliasArn"]
x = run(alias, 1)
check("an alias", x["stateMachineAliasArn"] == alias and x["stateMachineVersionArn"] == version, x)
refused("a version of an alias", "ConflictException", sfn.delete_state_machine_version, stateMachineVersionArn=version)

x = sfn.test_state(definition=json.dumps(task("arn:aws:states:::lambda:invoke", {"FunctionName": echo, "Payload.$": "$"}, OutputPath="$.Payload")["States"]["T"]), roleArn=ROLE, input='{"t": 1}', inspectionLevel="DEBUG")
check("a trial", x["status"] == "SUCCEEDED" and json.loads(x["output"]) == {"t": 1} and "afterParameters" in x["inspectionData"], x)
x = sfn.test_state(definition=json.dumps(task("arn:aws:states:::lambda:invoke", {"FunctionName": "none"}, Catch=[{"ErrorEquals": ["E"], "Next": "N"}])["States"]["T"]), roleArn=ROLE, mock={"errorOutput": {"error": "E", "cause": "c"}})
check("a trial with a mock", x["status"] == "CAUGHT_ERROR" and x["nextState"] == "N" and x["error"] == "E", x)
x = sfn.validate_state_machine_definition(definition='{"StartAt": "A", "States": {"A": {"Type": "Pass"}}}')
check("validation", x["result"] == "FAIL" and x["diagnostics"][0]["severity"] == "ERROR", x)

sfn.tag_resource(resourceArn=invoke, tags=[{"key": "k", "value": "v"}])
check("tags", sfn.list_tags_for_resource(resourceArn=invoke)["tags"] == [{"key": "k", "value": "v"}])
refused("no such state machine", "StateMachineDoesNotExist", sfn.describe_state_machine, stateMachineArn=invoke + "x")
refused("no ARN", "InvalidArn", sfn.describe_execution, executionArn="nonsense")
refused("a bad definition", "InvalidDefinition", sfn.create_state_machine, name=PREFIX + "bad", definition="{}", roleArn=ROLE)

slow = sfn.start_execution(stateMachineArn=machine("slow", {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": True}}}))["executionArn"]
sfn.stop_execution(executionArn=slow, error="E", cause="C")
x = end(slow)
check("stop", x["status"] == "ABORTED" and x["error"] == "E" and x["redriveStatus"] == "REDRIVABLE", x)
sfn.redrive_execution(executionArn=slow)
check("redrive", sfn.describe_execution(executionArn=slow)["status"] == "RUNNING")
for m in sfn.list_state_machines()["stateMachines"]:
    if m["name"].startswith(PREFIX):
        sfn.delete_state_machine(stateMachineArn=m["stateMachineArn"])
check("after deletion", end(slow)["status"] == "ABORTED")

print("\n".join(wrong))
sys.exit(1 if wrong else 0)
