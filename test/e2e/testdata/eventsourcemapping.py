"""Event source mappings with boto3: made, read, listed, changed, refused, deleted."""
import sys

import boto3
from botocore.exceptions import ClientError

function, broker = sys.argv[1:]
client = boto3.client("lambda")
source = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [broker]}}


def refused(code, says, **kwargs):
    try:
        client.create_event_source_mapping(FunctionName=function, **kwargs)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
        assert says in e.response["Error"]["Message"], e
        return
    raise AssertionError("not refused: %s" % kwargs)


kafka = dict(SelfManagedEventSource=source, Topics=["payments"], StartingPosition="LATEST")
refused("InvalidParameterValueException", "EventSourceArn: arn:aws:sqs", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q")
refused("InvalidParameterValueException", "EventSourceArn: arn:aws:kinesis", EventSourceArn="arn:aws:kinesis:us-east-1:000000000000:stream/s", StartingPosition="LATEST")
refused("InvalidParameterValueException", "SelfManagedEventSource", Topics=["payments"], StartingPosition="LATEST")
refused("InvalidParameterValueException", "StartingPosition", SelfManagedEventSource=source, Topics=["payments"])
refused("InvalidParameterValueException", "StartingPositionTimestamp", **dict(kafka, StartingPosition="AT_TIMESTAMP"))
refused("InvalidParameterValueException", "MaximumRecordAgeInSeconds", MaximumRecordAgeInSeconds=59, **kafka)
refused("InvalidParameterValueException", "DestinationConfig.OnFailure.Destination", DestinationConfig={"OnFailure": {"Destination": "kafka://payments"}}, **kafka)
refused("InvalidParameterValueException", "SourceAccessConfigurations",
        SourceAccessConfigurations=[{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:none"}], **kafka)
refused("NotImplementedException", "TumblingWindowInSeconds", TumblingWindowInSeconds=5, **kafka)

made = client.create_event_source_mapping(
    FunctionName=function, Enabled=False, BatchSize=50, MaximumBatchingWindowInSeconds=2, ParallelizationFactor=3,
    FilterCriteria={"Filters": [{"Pattern": '{"value":{"a":[{"numeric":[">",1]}]}}'}]},
    MaximumRetryAttempts=5, MaximumRecordAgeInSeconds=3600, BisectBatchOnFunctionError=True,
    FunctionResponseTypes=["ReportBatchItemFailures"],
    DestinationConfig={"OnFailure": {"Destination": "kafka://failed"}},
    SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "made-with-boto3"},
    ProvisionedPollerConfig={"MinimumPollers": 1, "MaximumPollers": 3}, **kafka)
assert made["ResponseMetadata"]["HTTPStatusCode"] == 202 and made["State"] == "Creating", made
uuid = made["UUID"]
refused("ResourceConflictException", "already exists", SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "made-with-boto3"}, **kafka)

got = client.get_event_source_mapping(UUID=uuid)
assert got["State"] == "Disabled" and got["LastProcessingResult"] == "No records processed", got
assert got["SelfManagedKafkaEventSourceConfig"]["ConsumerGroupId"] == "made-with-boto3", got
assert got["EventSourceMappingArn"] == "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:" + uuid, got
for key, want in dict(BatchSize=50, MaximumBatchingWindowInSeconds=2, ParallelizationFactor=3, MaximumRetryAttempts=5, StartingPosition="LATEST",
                      MaximumRecordAgeInSeconds=3600, BisectBatchOnFunctionError=True, FunctionResponseTypes=["ReportBatchItemFailures"],
                      Topics=["payments"], ProvisionedPollerConfig={"MinimumPollers": 1, "MaximumPollers": 3}).items():
    assert got[key] == want, (key, got[key])
assert got["FilterCriteria"]["Filters"][0]["Pattern"] == '{"value":{"a":[{"numeric":[">",1]}]}}', got
assert got["SelfManagedEventSource"] == source and got["DestinationConfig"]["OnFailure"]["Destination"] == "kafka://failed", got

changed = client.update_event_source_mapping(UUID=uuid, Enabled=True, BatchSize=60, MaximumRetryAttempts=-1)
assert changed["State"] == "Enabling" and changed["BatchSize"] == 60, changed
got = client.get_event_source_mapping(UUID=uuid)
assert got["State"] == "Enabled" and got["MaximumRetryAttempts"] == -1 and got["MaximumRecordAgeInSeconds"] == 3600, got

second = client.create_event_source_mapping(FunctionName=function, SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "another"}, Enabled=False, **kafka)
pages = list(client.get_paginator("list_event_source_mappings").paginate(FunctionName=function, PaginationConfig={"PageSize": 1}))
assert len(pages) >= 2, pages
assert {m["UUID"] for p in pages for m in p["EventSourceMappings"]} == {uuid, second["UUID"]}, pages
assert client.list_event_source_mappings(EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q")["EventSourceMappings"] == []
for u in (uuid, second["UUID"]):
    assert client.delete_event_source_mapping(UUID=u)["State"] == "Deleting"
try:
    client.get_event_source_mapping(UUID=uuid)
    raise AssertionError("still there")
except client.exceptions.ResourceNotFoundException:
    pass
