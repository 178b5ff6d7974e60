"""Code of functions and layers from a bucket, and objects by presigned URLs and
posted forms, all with boto3 as it is.

    packages.py NAME BUCKET ENDPOINT
"""
import io
import sys
import urllib.error
import urllib.request
import uuid
import zipfile

import boto3
import botocore.config
from botocore.exceptions import ClientError

name, bucket, endpoint = sys.argv[1:]
s3 = boto3.client("s3", config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
functions = boto3.client("lambda", config=botocore.config.Config(retries={"max_attempts": 0}))


def archive(path, text):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr(path, text)
    return b.getvalue()


def refused(code, says, do):
    try:
        do()
    except ClientError as e:
        assert e.response["Error"]["Code"] == code and says in e.response["Error"]["Message"], e
        return
    raise SystemExit(f"{says}: not refused")


def answer():
    return functions.invoke(FunctionName=name)["Payload"].read().decode()


s3.create_bucket(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
code = "import part\ndef handler(event, context):\n    return '%s with ' + part.NAME\n"
first = s3.put_object(Bucket=bucket, Key="code/f.zip", Body=archive("app.py", code % "first"))["VersionId"]
s3.put_object(Bucket=bucket, Key="code/f.zip", Body=archive("app.py", code % "second"))
s3.put_object(Bucket=bucket, Key="layer.zip", Body=archive("python/part.py", "NAME = 'layer'\n"))

# Layers and functions.
layer = functions.publish_layer_version(LayerName=name, Content={"S3Bucket": bucket, "S3Key": "layer.zip"}, CompatibleRuntimes=["python3.12"])
assert layer["Version"] == 1 and layer["Content"]["CodeSize"] > 0, layer
role = "arn:aws:iam::000000000000:role/any"
create = dict(FunctionName=name, Runtime="python3", Handler="app.handler", Role=role, Layers=[layer["LayerVersionArn"]])
refused("InvalidParameterValueException", "NoSuchKey", lambda: functions.create_function(Code={"S3Bucket": bucket, "S3Key": "code/none.zip"}, **create))
refused("InvalidParameterValueException", "NoSuchBucket", lambda: functions.create_function(Code={"S3Bucket": "no-such-bucket", "S3Key": "k"}, **create))
made = functions.create_function(Code={"S3Bucket": bucket, "S3Key": "code/f.zip", "S3ObjectVersion": first}, **create)
assert made["CodeSize"] == len(archive("app.py", code % "first")), made
assert answer() == '"first with layer"', answer()
functions.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key="code/f.zip")
assert answer() == '"second with layer"', answer()

# Presigned URLs.


def ask(url, data=None, method=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers=headers or {})) as r:
            return r.status, r.read(), dict(r.headers)
    except urllib.error.HTTPError as e:
        return e.code, e.read(), {}


at = {"Bucket": bucket, "Key": "signed/ü b.txt"}
put = s3.generate_presigned_url("put_object", Params=at)
get = s3.generate_presigned_url("get_object", Params={**at, "ResponseContentType": "text/x-test"})
assert ask(put, b"hello", "PUT")[0] == 200
status, body, headers = ask(get)
assert (status, body, headers["Content-Type"]) == (200, b"hello", "text/x-test"), (status, body, headers)
assert ask(get, b"x", "PUT")[0] == 403, "a URL to read writes"
assert ask(s3.generate_presigned_url("get_object", Params=at, ExpiresIn=60).replace("X-Amz-Expires=60", "X-Amz-Expires=6000"))[0] == 403, "a changed URL"

# A posted form, which says that it is for S3 by its address only.
form = s3.generate_presigned_post(bucket, "form.txt", Conditions=[["content-length-range", 1, 10]])


def post(content):
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{content}\r\n--{boundary}--\r\n')
    return ask(f"{endpoint}/{bucket}", "".join(parts).encode(), "POST", {"Content-Type": f"multipart/form-data; boundary={boundary}"})


assert post("hi")[0] in (200, 204), post("hi")
assert post("more than ten bytes")[0] == 400, post("more than ten bytes")
assert s3.get_object(Bucket=bucket, Key="form.txt")["Body"].read() == b"hi"

# Uploads in parts: one by a presigned URL, another that is given up.
part = b"p" * (5 << 20)
upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
url = s3.generate_presigned_url("upload_part", Params={"Bucket": bucket, "Key": "parts", "UploadId": upload, "PartNumber": 1})
status, _, headers = ask(url, part, "PUT")
assert status == 200, status
etags = [headers.get("ETag") or headers["Etag"], s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=2, Body=b"end")["ETag"]]
assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="parts", UploadId=upload)["Parts"]] == [1, 2]
refused("InvalidPart", "", lambda: s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etags[1]}]}))
s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": n + 1, "ETag": e} for n, e in enumerate(etags)]})
assert s3.get_object(Bucket=bucket, Key="parts", Range="bytes=5242879-5242882")["Body"].read() == b"pend"
other = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=other)
assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
refused("NoSuchUpload", "", lambda: s3.upload_part(Bucket=bucket, Key="never", UploadId=other, PartNumber=1, Body=b"x"))
