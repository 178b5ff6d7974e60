"""Calls another function, and tries what its role does not allow."""
import json
import os

import boto3
from botocore.exceptions import ClientError

api = boto3.client("lambda")


def refused(call, **arguments):
    try:
        call(**arguments)
        return "allowed", 0
    except ClientError as e:
        return e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]


def handler(event, context):
    callee = event["callee"]
    answer = json.load(api.invoke(FunctionName=callee, Payload=json.dumps({"n": 21}))["Payload"])
    seen = api.get_function_configuration(FunctionName=callee)["FunctionName"]
    create, status = refused(api.create_function, FunctionName="made-inside", Runtime="python3", Handler="a.b",
                             Role="arn:aws:iam::000000000000:role/test", Code={"ZipFile": b"x"})
    delete, _ = refused(api.delete_function, FunctionName=callee)
    keys = " ".join([os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_SESSION_TOKEN"]])
    return {"answer": answer, "seen": seen, "create": create, "delete": delete, "status": status, "keys": keys}
