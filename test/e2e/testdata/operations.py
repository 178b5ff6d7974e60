"""Drives every offered operation with boto3, and every kind of refusal.

    operations.py NAME

NAME begins the names of the functions that it makes. Prints what went wrong,
one line each, and exits 1 then.
"""
import base64
import io
import json
import os
import sys
import urllib.request
import zipfile
from datetime import timedelta

import boto3
import botocore.auth
import botocore.config
import botocore.exceptions

PREFIX = sys.argv[1]
ROLE = "arn:aws:iam::000000000000:role/test"
# What is wrong must reach the server, not be caught by the SDK.
RETRY_NEVER = botocore.config.Config(parameter_validation=False, retries={"max_attempts": 0, "mode": "standard"}, read_timeout=120)
wrong = []


def client(**more):
    return boto3.client("lambda", config=RETRY_NEVER, **more)


def check(what, ok, *seen):
    if not ok:
        wrong.append("%s: %r" % (what, seen))


def refused(what, code, status, call, **arguments):
    """Calls, and checks that it is refused with that code and HTTP status."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as e:
        check(what, e.response["Error"]["Code"] == code, e.response["Error"])
        check(what + " status", e.response["ResponseMetadata"]["HTTPStatusCode"] == status, e.response)
        check(what + " message", bool(e.response["Error"].get("Message")), e.response)
        check(what + " request id", bool(e.response["ResponseMetadata"].get("RequestId")), e.response)
        return e.response["Error"].get("Message", "")
    check(what, False, "not refused", answer)
    return ""


def package(source):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("app.py", source)
    return out.getvalue()


CODE = package("def handler(event, context):\n    return {'event': event, 'client': getattr(context.client_context, 'custom', None)}\n")
api = client()


def create(name, **more):
    arguments = dict(FunctionName=name, Runtime="python3", Handler="app.handler", Role=ROLE, Code={"ZipFile": CODE})
    arguments.update(more)
    return api.create_function(**arguments)


def functions():
    f = PREFIX + "-f"
    made = create(f, MemorySize=192, Timeout=5, Tags={"a": "b"}, Environment={"Variables": {"KEY": "v"}})
    check("create", made["State"] == "Active" and made["ResponseMetadata"]["HTTPStatusCode"] == 201, made)
    api.get_waiter("function_active_v2").wait(FunctionName=f)

    got = api.get_function(FunctionName=f)
    check("get", got["Configuration"]["CodeSha256"] == made["CodeSha256"] and got["Tags"] == {"a": "b"}, got)
    with urllib.request.urlopen(got["Code"]["Location"]) as r:
        check("download", r.read() == CODE)
    check("configuration", api.get_function_configuration(FunctionName=made["FunctionArn"])["MemorySize"] == 192)

    answer = api.invoke(FunctionName=f, Payload=json.dumps({"x": "ß"}), LogType="Tail", ClientContext=base64.b64encode(
        json.dumps({"custom": {"who": "me"}}).encode()).decode())
    body = json.load(answer["Payload"])
    check("invoke", body == {"event": {"x": "ß"}, "client": {"who": "me"}} and answer["StatusCode"] == 200, body)
    check("executed version", answer["ExecutedVersion"] == "$LATEST", answer)
    check("no function error", "FunctionError" not in answer, answer)
    check("log", b"REPORT" in base64.b64decode(answer["LogResult"]), answer["LogResult"])
    check("dry run", api.invoke(FunctionName=f, InvocationType="DryRun")["StatusCode"] == 204)

    same = api.update_function_code(FunctionName=f, ZipFile=CODE, RevisionId=made["RevisionId"])
    check("same code", same["CodeSha256"] == made["CodeSha256"], same)
    changed = api.update_function_configuration(FunctionName=f, Timeout=9, RevisionId=same["RevisionId"])
    check("changed", changed["Timeout"] == 9 and changed["RevisionId"] != same["RevisionId"], changed)
    api.get_waiter("function_updated_v2").wait(FunctionName=f)

    first = api.publish_version(FunctionName=f)
    check("publish", first["Version"] == "1", first)
    check("publish again", api.publish_version(FunctionName=f)["Version"] == "1")
    api.update_function_code(FunctionName=f, ZipFile=package("def handler(e, c):\n    return 'two'\n"))
    check("latest", json.load(api.invoke(FunctionName=f)["Payload"]) == "two")
    check("version 1", json.load(api.invoke(FunctionName=f, Qualifier="1")["Payload"])["event"] == {})
    versions = api.list_versions_by_function(FunctionName=f)["Versions"]
    check("versions", [v["Version"] for v in versions] == ["$LATEST", "1"], versions)
    pages = api.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    check("list", f in [x["FunctionName"] for page in pages for x in page["Functions"]])

    arn = made["FunctionArn"]
    api.tag_resource(Resource=arn, Tags={"c": "d"})
    api.untag_resource(Resource=arn, TagKeys=["a"])
    check("tags", api.list_tags(Resource=arn)["Tags"] == {"c": "d"})

    refused("exists", "ResourceConflictException", 409, create, name=f)
    message = refused("stale code", "PreconditionFailedException", 412, api.update_function_code,
                      FunctionName=f, ZipFile=CODE, RevisionId=made["RevisionId"])
    check("message of stale", "RevisionId" in message or "Revision" in message, message)
    refused("stale configuration", "PreconditionFailedException", 412, api.update_function_configuration,
            FunctionName=f, Timeout=3, RevisionId=made["RevisionId"])
    refused("stale publish", "PreconditionFailedException", 412, api.publish_version, FunctionName=f,
            RevisionId=made["RevisionId"])
    refused("payload", "RequestTooLargeException", 413, api.invoke, FunctionName=f, Payload=json.dumps("x" * (6 << 20) + "y" * 200))
    refused("not JSON", "InvalidRequestContentException", 400, api.invoke, FunctionName=f, Payload=b"{")
    check("event", api.invoke(FunctionName=f, InvocationType="Event")["StatusCode"] == 202)
    check("loops", api.get_function_recursion_config(FunctionName=f)["RecursiveLoop"] == "Terminate")
    for loops in ("Allow", "Terminate"):
        api.put_function_recursion_config(FunctionName=f, RecursiveLoop=loops)
        check(loops, api.get_function_recursion_config(FunctionName=f)["RecursiveLoop"] == loops)
    check("runtime", api.put_runtime_management_config(FunctionName=f, UpdateRuntimeOn="Auto")["UpdateRuntimeOn"] == "Auto")
    check("runtime", api.get_runtime_management_config(FunctionName=f)["FunctionArn"].endswith(f))
    refused("runtime", "NotImplementedException", 501, api.put_runtime_management_config, FunctionName=f, UpdateRuntimeOn="FunctionUpdate")
    message = refused("not offered", "NotImplementedException", 501, api.get_function_scaling_config, FunctionName=f,
                      Qualifier="$LATEST")
    check("the operation is named", "GetFunctionScalingConfig" in message, message)
    for operation, arguments in {
        "list_capacity_providers": {},
    }.items():
        refused(operation, "NotImplementedException", 501, getattr(api, operation), **arguments)

    check("delete", api.delete_function(FunctionName=f)["ResponseMetadata"]["HTTPStatusCode"] in (200, 204))
    for call in (api.get_function, api.get_function_configuration, api.delete_function, api.invoke,
                 api.list_versions_by_function, api.get_function_url_config):
        refused("gone: " + call.__name__, "ResourceNotFoundException", 404, call, FunctionName=f)


def urls():
    f = PREFIX + "-u"
    create(f)
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60}
    made = api.create_function_url_config(FunctionName=f, AuthType="NONE", Cors=cors, InvokeMode="RESPONSE_STREAM")
    check("url", made["FunctionUrl"].startswith(os.environ["EBB_GATEWAY"] + "/url/") and made["Cors"] == cors, made)
    refused("second url", "ResourceConflictException", 409, api.create_function_url_config, FunctionName=f, AuthType="NONE")
    changed = api.update_function_url_config(FunctionName=f, AuthType="AWS_IAM", InvokeMode="BUFFERED")
    check("changed", changed["AuthType"] == "AWS_IAM" and changed["FunctionUrl"] == made["FunctionUrl"], changed)
    got = api.get_function_url_config(FunctionName=f)
    check("got", got["InvokeMode"] == "BUFFERED" and got["Cors"] == cors, got)
    check("listed", len(api.list_function_url_configs(FunctionName=f)["FunctionUrlConfigs"]) == 1)
    api.delete_function_url_config(FunctionName=f)
    refused("no url", "ResourceNotFoundException", 404, api.get_function_url_config, FunctionName=f)
    check("none listed", api.list_function_url_configs(FunctionName=f)["FunctionUrlConfigs"] == [])
    api.delete_function(FunctionName=f)


def fields():
    """Every wrong value is refused with the field's name, and makes nothing."""
    f = PREFIX + "-w"
    for field, code, arguments in [
        ("Runtime", "InvalidParameterValueException", {"Runtime": "cobol85"}),
        ("memorySize", "ValidationException", {"MemorySize": 1}),
        ("imeout", "ValidationException", {"Timeout": 0}),
        ("imeout", "ValidationException", {"Timeout": 100000}),
        ("ole", "ValidationException", {"Role": "me"}),
        ("AWS_REGION", "InvalidParameterValueException", {"Environment": {"Variables": {"AWS_REGION": "x"}}}),
        ("nvironment", "InvalidParameterValueException", {"Environment": {"Variables": {"AA": "x" * 4096}}}),
        ("zip", "InvalidParameterValueException", {"Code": {"ZipFile": b"not a zip"}}),
        ("..", "InvalidParameterValueException", {"Code": {"ZipFile": slip()}}),
        ("rchitectures", "ValidationException", {"Architectures": ["vax"]}),
    ]:
        message = refused("%s %r" % (field, list(arguments.values())[0])[:60], code,
                          501 if code == "NotImplementedException" else 400, create, name=f, **arguments)
        check("field named", field in message, message)
    refused("nothing was made", "ResourceNotFoundException", 404, api.get_function, FunctionName=f)
    refused("name", "ValidationException", 400, create, name="a b!")


def missing():
    """Whatever is not there, each operation says so with an error that the model has for it."""
    f = PREFIX + "-m"
    name, none = dict(FunctionName=PREFIX + "-none"), "arn:aws:lambda:us-east-1:000000000000:function:" + PREFIX + "-none"
    csc = dict(CodeSigningConfigArn="arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0")
    layer = dict(LayerName=PREFIX + "-none", VersionNumber=1)
    statement = dict(StatementId="s", Principal="*")
    create(f)
    for operation, arguments in [
        ("GetFunction", name), ("GetFunctionConfiguration", name), ("UpdateFunctionConfiguration", name), ("DeleteFunction", name),
        ("UpdateFunctionCode", dict(name, ZipFile=CODE)), ("PublishVersion", name), ("ListVersionsByFunction", name),
        ("CreateAlias", dict(name, Name="a", FunctionVersion="1")), ("CreateAlias", dict(FunctionName=f, Name="a", FunctionVersion="9")),
        ("GetAlias", dict(FunctionName=f, Name="a")), ("UpdateAlias", dict(FunctionName=f, Name="a")), ("ListAliases", name),
        ("AddPermission", dict(name, Action="lambda:InvokeFunction", **statement)), ("GetPolicy", name), ("GetPolicy", dict(FunctionName=f)),
        ("RemovePermission", dict(name, StatementId="s")), ("RemovePermission", dict(FunctionName=f, StatementId="s")),
        ("PutFunctionConcurrency", dict(name, ReservedConcurrentExecutions=1)), ("GetFunctionConcurrency", name), ("DeleteFunctionConcurrency", name),
        ("PutProvisionedConcurrencyConfig", dict(name, Qualifier="1", ProvisionedConcurrentExecutions=1)),
        ("GetProvisionedConcurrencyConfig", dict(FunctionName=f, Qualifier="live")), ("ListProvisionedConcurrencyConfigs", name),
        ("DeleteProvisionedConcurrencyConfig", dict(FunctionName=f, Qualifier="live")),
        ("PutFunctionEventInvokeConfig", dict(name, MaximumRetryAttempts=1)), ("UpdateFunctionEventInvokeConfig", dict(FunctionName=f, MaximumRetryAttempts=1)),
        ("GetFunctionEventInvokeConfig", dict(FunctionName=f)), ("DeleteFunctionEventInvokeConfig", dict(FunctionName=f)), ("ListFunctionEventInvokeConfigs", name),
        ("CreateFunctionUrlConfig", dict(name, AuthType="NONE")), ("GetFunctionUrlConfig", dict(FunctionName=f)), ("UpdateFunctionUrlConfig", dict(FunctionName=f)),
        ("DeleteFunctionUrlConfig", dict(FunctionName=f)), ("ListFunctionUrlConfigs", name),
        ("GetCodeSigningConfig", csc), ("UpdateCodeSigningConfig", csc), ("DeleteCodeSigningConfig", csc), ("ListFunctionsByCodeSigningConfig", csc),
        ("PutFunctionCodeSigningConfig", dict(csc, FunctionName=f)), ("GetFunctionCodeSigningConfig", name), ("DeleteFunctionCodeSigningConfig", name),
        ("PutFunctionRecursionConfig", dict(name, RecursiveLoop="Allow")), ("GetFunctionRecursionConfig", name),
        ("PutRuntimeManagementConfig", dict(name, UpdateRuntimeOn="Auto")), ("GetRuntimeManagementConfig", name),
        ("TagResource", dict(Resource=none, Tags={"a": "b"})), ("UntagResource", dict(Resource=none, TagKeys=["a"])), ("ListTags", dict(Resource=none)),
        ("GetLayerVersion", layer), ("GetLayerVersionByArn", dict(Arn="arn:aws:lambda:us-east-1:000000000000:layer:none:1")), ("GetLayerVersionPolicy", layer),
        ("AddLayerVersionPermission", dict(layer, Action="lambda:GetLayerVersion", **statement)), ("RemoveLayerVersionPermission", dict(layer, StatementId="s")),
        ("GetEventSourceMapping", dict(UUID="x")), ("UpdateEventSourceMapping", dict(UUID="x")), ("DeleteEventSourceMapping", dict(UUID="x")),
        ("Invoke", name), ("Invoke", dict(FunctionName=f, Qualifier="9")), ("Invoke", dict(name, InvocationType="Event")), ("Invoke", dict(name, InvocationType="DryRun")),
        ("InvokeWithResponseStream", name), ("InvokeAsync", dict(name, InvokeArgs=b"{}")),
    ]:
        known = [shape.name for shape in api.meta.service_model.operation_model(operation).error_shapes]
        try:
            answer = getattr(api, botocore.xform_name(operation))(**arguments)
            check(operation + " of what is not there", False, answer)
        except botocore.exceptions.ClientError as e:
            code = e.response["Error"]["Code"]
            check(operation + " is not found", code.endswith("NotFoundException") and code in known and
                  e.response["ResponseMetadata"]["HTTPStatusCode"] == 404, e.response)
    # These are asked to see to it that something is not there.
    for operation, arguments in [
        ("DeleteAlias", dict(FunctionName=f, Name="a")), ("DeleteLayerVersion", layer), ("DeleteFunctionConcurrency", dict(FunctionName=f)),
        ("DeleteFunctionCodeSigningConfig", dict(FunctionName=f)), ("UntagResource", dict(Resource=none.replace("-none", "-m"), TagKeys=["none"])),
    ]:
        answer = getattr(api, botocore.xform_name(operation))(**arguments)
        check(operation + " again", answer["ResponseMetadata"]["HTTPStatusCode"] == 204, answer)
    api.delete_function(FunctionName=f)


def slip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("../../etc/evil", "x")
    return out.getvalue()


def credentials():
    call = {"FunctionName": PREFIX + "-none"}
    refused("unknown key", "UnrecognizedClientException", 403,
            client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x").get_function, **call)
    refused("wrong secret", "InvalidSignatureException", 403,
            client(aws_secret_access_key="wrong", aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"]).get_function, **call)
    unsigned = boto3.client("lambda", config=RETRY_NEVER.merge(botocore.config.Config(signature_version=botocore.UNSIGNED)))
    refused("unsigned", "MissingAuthenticationTokenException", 403, unsigned.get_function, **call)

    now = botocore.auth.get_current_datetime
    try:
        for minutes, code in ((-20, "InvalidSignatureException"), (20, "InvalidSignatureException"), (4, None), (-4, None)):
            botocore.auth.get_current_datetime = lambda *a, **k: now(*a, **k) + timedelta(minutes=minutes)
            refused("clock off by %d minutes" % minutes, code or "ResourceNotFoundException", 403 if code else 404,
                    client().get_function, **call)
    finally:
        botocore.auth.get_current_datetime = now


for part in (functions, urls, fields, missing, credentials):
    try:
        part()
    except Exception as e:  # report, and go on with the other parts
        import traceback
        traceback.print_exc()
        wrong.append("%s: %r" % (part.__name__, e))
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
