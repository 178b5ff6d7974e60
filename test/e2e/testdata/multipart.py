"""Uploads 20 MiB in parts with boto3 as it is, and reads it back."""
import hashlib
import io
import sys

import boto3
from boto3.s3.transfer import TransferConfig

endpoint, bucket, key = sys.argv[1:]
s3 = boto3.client("s3", endpoint_url=endpoint)
data = bytes(range(256)) * (20 * 4096)
s3.upload_fileobj(io.BytesIO(data), bucket, key, Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=8 << 20))
back = io.BytesIO()
s3.download_fileobj(bucket, key, back)
assert hashlib.sha256(back.getvalue()).digest() == hashlib.sha256(data).digest()
assert s3.head_object(Bucket=bucket, Key=key)["ETag"].endswith('-3"')
