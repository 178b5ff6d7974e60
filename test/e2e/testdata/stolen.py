"""Uses the keys of an instance from outside of its box."""
import sys

import boto3
from botocore.exceptions import ClientError

name, key, secret, token = sys.argv[1:]
api = boto3.client("lambda", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
try:
    api.invoke(FunctionName=name)
    print("allowed")
except ClientError as e:
    print(e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"])
