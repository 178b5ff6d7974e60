"""Two services with boto3: the keys of one can do nothing to the other.

argv: a JSON object with the keys of services a and b, and the name of a function
that both have.
"""
import json
import sys

import boto3
from botocore.exceptions import ClientError

given = json.loads(sys.argv[1])
name = given["function"]


def client(service, who, **more):
    k = given[who]
    return boto3.client(service, aws_access_key_id=k["id"], aws_secret_access_key=k["secretAccessKey"], **more)


def refused(call, *codes, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        got = e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got[0] in codes, (call.__name__, arguments, got)
        return e.response
    raise AssertionError((call.__name__, arguments, "was allowed"))


a, b = client("lambda", "a"), client("lambda", "b")

# Each sees and runs its own function of that name, and no other.
for api, who in (a, "a"), (b, "b"):
    names = [f["FunctionName"] for p in api.get_paginator("list_functions").paginate() for f in p["Functions"]]
    assert names == [name, "only-" + who], names
    assert json.load(api.invoke(FunctionName=name)["Payload"]) == "answer of " + who
    arn = api.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    assert ":" + given[who]["service"] + ":" in arn, arn

# By its ARN the other's function is refused, by its name it is not there.
foreign = "arn:aws:lambda:us-east-1:%s:function:%s" % (given["b"]["service"], name)
for call in a.get_function, a.invoke, a.delete_function, a.publish_version, a.list_versions_by_function, a.get_function_configuration:
    r = refused(call, "AccessDeniedException", FunctionName=foreign)
    assert "is not authorized to perform: lambda:" in r["Error"]["Message"], r
refused(a.get_function, "ResourceNotFoundException", FunctionName="only-b")
refused(a.tag_resource, "AccessDeniedException", Resource=foreign, Tags={"x": "y"})
refused(a.create_function, "AccessDeniedException", FunctionName=foreign, Runtime="python3", Handler="a.b",
        Role="arn:aws:iam::000000000000:role/x", Code={"ZipFile": b"x"})

# Who am I.
identity = client("sts", "a").get_caller_identity()
assert identity["Account"] == given["a"]["service"] and identity["Arn"].endswith(":user/e2e"), identity

# An invoker invokes; that is all.
invoker = client("lambda", "invoker")
assert json.load(invoker.invoke(FunctionName=name)["Payload"]) == "answer of a"
refused(invoker.get_function, "AccessDeniedException", FunctionName=name)
refused(invoker.list_functions, "AccessDeniedException")
refused(invoker.delete_function, "AccessDeniedException", FunctionName=name)

# A key that is no more.
refused(client("lambda", "disabled").list_functions, "UnrecognizedClientException")
refused(client("sts", "disabled").get_caller_identity, "InvalidClientTokenId")

# The service's quota of concurrency is told.
limit = a.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
assert limit == 7, limit

# A role of the service, for a quarter of an hour.
session = client("sts", "a").assume_role(RoleArn="arn:aws:iam::%s:role/reader" % given["a"]["service"], RoleSessionName="job", DurationSeconds=900)
c = session["Credentials"]
reader = boto3.client("lambda", aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
assert reader.get_function_configuration(FunctionName=name)["FunctionName"] == name
refused(reader.invoke, "AccessDeniedException", FunctionName=name)
print("ok")
