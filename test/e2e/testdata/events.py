"""Puts events with boto3, and what is refused.

    events.py SOURCE
"""
import json
import sys

import boto3
import botocore.config
import botocore.exceptions

source = sys.argv[1]
events = boto3.client("events", config=botocore.config.Config(retries={"max_attempts": 0}))


def entry(**more):
    return {"Source": source, "DetailType": "Order Placed", "Detail": json.dumps({"n": 2}), **more}


answer = events.put_events(Entries=[entry(Resources=["arn:x"]), entry(Detail="{"), entry(Source="aws.ec2"), entry(EventBusName="none")])
assert answer["FailedEntryCount"] == 3, answer
assert [e.get("ErrorCode") for e in answer["Entries"]] == [None, "MalformedDetail", "NotAuthorizedForSource", "InvalidArgument"], answer
assert answer["Entries"][0]["EventId"], answer
try:
    events.put_events(Entries=[entry()] * 11)
    raise SystemExit("eleven entries are taken")
except botocore.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "ValidationException", e

pattern = json.dumps({"source": [source]})
event = {"id": "1", "account": "0", "source": source, "time": "2026-11-20T12:00:00Z", "region": "x", "resources": [], "detail-type": "T", "detail": {}}
assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is True
assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps({**event, "source": "x"}))["Result"] is False
try:
    events.test_event_pattern(EventPattern='{"source": []}', Event=json.dumps(event))
    raise SystemExit("a pattern that is none is taken")
except botocore.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "InvalidEventPatternException", e
