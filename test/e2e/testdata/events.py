"""Asynchronous invocation through boto3, as it is: configuration, paginator, Event, the old InvokeAsync."""
import io
import json
import sys
import time
import zipfile

import boto3
from botocore.exceptions import ClientError

name = sys.argv[1]
api = boto3.client("lambda")
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as z:
    z.writestr("app.py", "def handler(event, context):\n    print('ran', event)\n    return event\n")
api.create_function(FunctionName=name, Runtime="python3", Handler="app.handler", Role="arn:aws:iam::000000000000:role/test",
                    Code={"ZipFile": code.getvalue()}, DeadLetterConfig={"TargetArn": "arn:aws:http:::http://example.invalid/dead"})
api.get_waiter("function_active_v2").wait(FunctionName=name)
arn = api.get_function_configuration(FunctionName=name)["FunctionArn"]
assert api.get_function_configuration(FunctionName=name)["DeadLetterConfig"]["TargetArn"].endswith("/dead")


def refused(code, call, **kw):
    try:
        call(**kw)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        return e.response["Error"]["Message"]
    raise AssertionError(f"{call} was not refused")


# The configuration: put, update, get, list, delete.
refused("ResourceNotFoundException", api.get_function_event_invoke_config, FunctionName=name)
refused("ResourceNotFoundException", api.update_function_event_invoke_config, FunctionName=name, MaximumRetryAttempts=1)
put = api.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1, DestinationConfig={
    "OnSuccess": {"Destination": arn}})
assert put["FunctionArn"] == arn + ":$LATEST" and put["MaximumRetryAttempts"] == 1 and "MaximumEventAgeInSeconds" not in put, put
assert put["DestinationConfig"] == {"OnSuccess": {"Destination": arn}, "OnFailure": {}}, put
update = api.update_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST", MaximumEventAgeInSeconds=60)
assert update["MaximumRetryAttempts"] == 1 and update["MaximumEventAgeInSeconds"] == 60, update
put = api.put_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=90)
assert "MaximumRetryAttempts" not in put and put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}, put
versions = []
for n in range(3):
    api.update_function_configuration(FunctionName=name, Description=f"v{n}", Timeout=4 + n)
    versions.append(api.publish_version(FunctionName=name)["Version"])
    api.put_function_event_invoke_config(FunctionName=name, Qualifier=versions[-1], MaximumRetryAttempts=0)
pages = list(api.get_paginator("list_function_event_invoke_configs").paginate(
    FunctionName=name, PaginationConfig={"PageSize": 2}))
assert [len(p["FunctionEventInvokeConfigs"]) for p in pages] == [2, 2], pages
assert [c["FunctionArn"].split(":")[-1] for p in pages for c in p["FunctionEventInvokeConfigs"]] == ["$LATEST"] + versions
api.delete_function_event_invoke_config(FunctionName=name, Qualifier=versions[0])
refused("ResourceNotFoundException", api.get_function_event_invoke_config, FunctionName=name, Qualifier=versions[0])
refused("ResourceNotFoundException", api.put_function_event_invoke_config, FunctionName=name, Qualifier="77", MaximumRetryAttempts=0)
for bad in ("arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:s3:::bucket", "kafka://topic",
            "arn:aws:lambda:us-east-1:111111111111:function:other"):
    message = refused("InvalidParameterValueException", api.put_function_event_invoke_config, FunctionName=name,
                      DestinationConfig={"OnFailure": {"Destination": bad}})
    assert "DestinationConfig.OnFailure.Destination" in message and bad in message, message

# Events.
answer = api.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n":1}')
assert answer["StatusCode"] == 202 and answer["Payload"].read() == b"" and "ExecutedVersion" not in answer, answer
assert answer["ResponseMetadata"]["RequestId"]
assert api.invoke_async(FunctionName=name, InvokeArgs=b'{"n":2}')["Status"] == 202
refused("ResourceNotFoundException", api.invoke, FunctionName=name + "-none", InvocationType="Event")
refused("InvalidRequestContentException", api.invoke, FunctionName=name, InvocationType="Event", Payload=b"{")
message = refused("RequestTooLargeException", api.invoke, FunctionName=name, InvocationType="Event",
                  Payload=json.dumps("x" * (1 << 20)).encode())
assert "1048576" in message, message
