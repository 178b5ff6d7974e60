"""Drives aliases, layers, policies, tags, streams and tenants with boto3.

    versions.py NAME

NAME begins the names of what it makes. Prints what went wrong, one line each,
and exits 1 then.
"""
import base64
import io
import json
import sys
import urllib.error
import urllib.request
import zipfile

import boto3
import botocore.config
import botocore.exceptions

PREFIX = sys.argv[1]
ROLE = "arn:aws:iam::000000000000:role/test"
api = boto3.client("lambda", config=botocore.config.Config(
    parameter_validation=False, retries={"max_attempts": 0, "mode": "standard"}, read_timeout=120))
wrong = []


def check(what, ok, *seen):
    if not ok:
        wrong.append("%s: %r" % (what, seen))


def refused(what, code, status, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as e:
        got = e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]
        check(what, got == (code, status), e)
        return e.response["Error"].get("Message") or e.response.get("message", "")
    wrong.append(what + ": was accepted")
    return ""


def pack(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(zipfile.ZipInfo(name), text)
    return out.getvalue()


def create(name, code, **more):
    made = api.create_function(FunctionName=name, Runtime="python3", Handler="app.handler", Role=ROLE, Timeout=20,
                               Code={"ZipFile": pack({"app.py": code})}, **more)
    api.get_waiter("function_active_v2").wait(FunctionName=name)
    return made


def answer(**arguments):
    out = api.invoke(**arguments)
    return json.load(out["Payload"]), out


CODE = "def handler(event, context):\n    return [%r, context.function_version, context.invoked_function_arn]\n"


def versions():
    f = PREFIX + "-v"
    arn = create(f, CODE % "one")["FunctionArn"]
    one = api.publish_version(FunctionName=f, Description="the first")
    check("published", (one["Version"], one["Description"], one["FunctionArn"]) == ("1", "the first", arn + ":1"), one)
    check("published once", api.publish_version(FunctionName=f)["Version"] == "1")
    two = api.update_function_code(FunctionName=f, ZipFile=pack({"app.py": CODE % "two"}), Publish=True)
    check("published with the code", two["Version"] == "2", two)
    api.get_waiter("published_version_active").wait(FunctionName=f, Qualifier="2")
    refused("other code", "InvalidParameterValueException", 400, api.publish_version, FunctionName=f, CodeSha256=one["CodeSha256"])
    dry = api.update_function_code(FunctionName=f, ZipFile=pack({"app.py": CODE % "three"}), DryRun=True)
    check("dry run", dry["CodeSha256"] != two["CodeSha256"] and api.get_function_configuration(FunctionName=f)["CodeSha256"] == two["CodeSha256"])

    live = api.create_alias(FunctionName=f, Name="live", FunctionVersion="1", Description="d")
    check("alias", (live["AliasArn"], live["FunctionVersion"], "RoutingConfig" in live) == (arn + ":live", "1", False), live)
    got, out = answer(FunctionName=f, Qualifier="live")
    check("by alias", got == ["one", "1", arn + ":live"] and out["ExecutedVersion"] == "1", got, out["ExecutedVersion"])
    check("by the alias's ARN", answer(FunctionName=arn + ":live")[0] == got)
    check("function by alias", api.get_function(FunctionName=f, Qualifier="live")["Configuration"]["FunctionArn"] == arn + ":live")
    check("configuration by alias", api.get_function_configuration(FunctionName=f + ":live")["Version"] == "1")
    moved = api.update_alias(FunctionName=f, Name="live", FunctionVersion="2", RevisionId=live["RevisionId"])
    check("at once", answer(FunctionName=f, Qualifier="live")[0][:2] == ["two", "2"])
    refused("stale alias", "PreconditionFailedException", 412, api.update_alias, FunctionName=f, Name="live", RevisionId=live["RevisionId"])
    api.update_alias(FunctionName=f, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 1.0}})
    check("all to the second", {answer(FunctionName=f, Qualifier="live")[0][0] for _ in range(5)} == {"one"})
    api.update_alias(FunctionName=f, Name="live", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    seen = [answer(FunctionName=f, Qualifier="live")[0] for _ in range(40)]
    check("both", {s[0] for s in seen} == {"one", "two"} and all(s[2] == arn + ":live" for s in seen), seen)
    for name in ("a", "b"):
        api.create_alias(FunctionName=f, Name=name, FunctionVersion="$LATEST")
    names = [x["Name"] for page in api.get_paginator("list_aliases").paginate(FunctionName=f, PaginationConfig={"PageSize": 1})
             for x in page["Aliases"]]
    check("aliases", names == ["a", "b", "live"], names)
    check("aliases of a version", [x["Name"] for x in api.list_aliases(FunctionName=f, FunctionVersion="1")["Aliases"]] == ["live"])
    refused("exists", "ResourceConflictException", 409, api.create_alias, FunctionName=f, Name="live", FunctionVersion="1")
    refused("no such version", "ResourceNotFoundException", 404, api.create_alias, FunctionName=f, Name="x", FunctionVersion="9")
    refused("a number", "ValidationException", 400, api.create_alias, FunctionName=f, Name="7", FunctionVersion="1")
    refused("weights of latest", "InvalidParameterValueException", 400, api.update_alias, FunctionName=f, Name="a",
            RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    message = refused("version in use", "ResourceConflictException", 409, api.delete_function, FunctionName=f, Qualifier="1")
    check("who uses it", "[live]" in message, message)
    api.delete_alias(FunctionName=f, Name="live")
    refused("no alias", "ResourceNotFoundException", 404, api.get_alias, FunctionName=f, Name="live")
    refused("invoked by no alias", "ResourceNotFoundException", 404, api.invoke, FunctionName=f, Qualifier="live")
    api.delete_function(FunctionName=f, Qualifier="1")
    refused("no version", "ResourceNotFoundException", 404, api.invoke, FunctionName=f, Qualifier="1")
    api.delete_function(FunctionName=f)


def layers():
    name, f = PREFIX + "-l", PREFIX + "-lf"
    zip1 = pack({"python/shared.py": "WHO = 'first'\n", "python/only.py": "X = 1\n", "bin/tool": "#!/bin/sh\necho tool\n"})
    made = api.publish_layer_version(LayerName=name, Description="d", LicenseInfo="MIT", Content={"ZipFile": zip1},
                                     CompatibleRuntimes=["python3.12"], CompatibleArchitectures=["x86_64"])
    other = api.publish_layer_version(LayerName=name + "2", Content={"ZipFile": pack({"python/shared.py": "WHO = 'second'\n"})})
    with urllib.request.urlopen(made["Content"]["Location"]) as r:
        check("download", r.read() == zip1)
    code = "import os, only, shared\ndef handler(event, context):\n    return [shared.WHO, only.X, os.access('/opt', os.W_OK), sorted(os.listdir('/opt'))]\n"
    arns = [made["LayerVersionArn"], other["LayerVersionArn"]]
    config = create(f, code, Layers=arns)
    check("layers", [x["Arn"] for x in config["Layers"]] == arns and config["Layers"][0]["CodeSize"] == len(zip1), config.get("Layers"))
    check("the last one is on top", answer(FunctionName=f)[0] == ["second", 1, False, ["bin", "python"]], answer(FunctionName=f)[0])
    api.update_function_configuration(FunctionName=f, Layers=arns[::-1])
    api.get_waiter("function_updated_v2").wait(FunctionName=f)
    check("in the other order", answer(FunctionName=f)[0][0] == "first")
    got = api.get_layer_version_by_arn(Arn=arns[0])
    check("by ARN", (got["Version"], got["LicenseInfo"], got["CompatibleRuntimes"]) == (1, "MIT", ["python3.12"]), got)
    check("by number", api.get_layer_version(LayerName=name, VersionNumber=1)["LayerVersionArn"] == arns[0])
    names = [x["LayerName"] for page in api.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1}) for x in page["Layers"]]
    check("list", name in names and name + "2" in names, names)
    check("list by runtime", name + "2" not in [x["LayerName"] for x in api.list_layers(CompatibleRuntime="python3.12")["Layers"]])
    pages = api.get_paginator("list_layer_versions").paginate(LayerName=name)
    check("versions", [x["Version"] for page in pages for x in page["LayerVersions"]] == [1])

    key = dict(LayerName=name, VersionNumber=1)
    refused("no policy", "ResourceNotFoundException", 404, api.get_layer_version_policy, **key)
    added = api.add_layer_version_permission(StatementId="s", Action="lambda:GetLayerVersion", Principal="*", **key)
    policy = api.get_layer_version_policy(**key)
    check("policy", json.loads(policy["Policy"])["Statement"] == [json.loads(added["Statement"])] and policy["RevisionId"] == added["RevisionId"], policy)
    api.remove_layer_version_permission(StatementId="s", RevisionId=policy["RevisionId"], **key)

    api.delete_layer_version(**key)
    refused("no layer version", "ResourceNotFoundException", 404, api.get_layer_version, **key)
    check("kept by the function", answer(FunctionName=f)[0][0] == "first")
    refused("a layer that is gone", "InvalidParameterValueException", 400, api.update_function_configuration, FunctionName=f, Layers=[arns[0]])
    refused("six layers", "InvalidParameterValueException", 400, api.update_function_configuration, FunctionName=f, Layers=[arns[1]] * 6)
    api.delete_layer_version(LayerName=name + "2", VersionNumber=1)
    api.delete_function(FunctionName=f)


def policies():
    f = PREFIX + "-p"
    arn = create(f, "def handler(event, context):\n    return 'public'\n")["FunctionArn"]
    url = api.create_function_url_config(FunctionName=f, AuthType="NONE")["FunctionUrl"]

    def get():
        try:
            with urllib.request.urlopen(url) as r:
                return r.status
        except urllib.error.HTTPError as e:
            return e.code
    check("closed without a policy", get() == 403, get())
    added = api.add_permission(FunctionName=f, StatementId="public", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    check("statement", json.loads(added["Statement"]) == {
        "Sid": "public", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": arn,
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}}, added)
    check("open with it, at once", get() == 200, get())
    policy = api.get_policy(FunctionName=f)
    check("policy", json.loads(policy["Policy"])["Id"] == "default", policy)
    refused("twice", "ResourceConflictException", 409, api.add_permission, FunctionName=f, StatementId="public", Action="lambda:*", Principal="*")
    refused("stale", "PreconditionFailedException", 412, api.remove_permission, FunctionName=f, StatementId="public", RevisionId="old")
    api.remove_permission(FunctionName=f, StatementId="public", RevisionId=policy["RevisionId"])
    check("closed again, at once", get() == 403, get())
    refused("no policy", "ResourceNotFoundException", 404, api.get_policy, FunctionName=f)
    api.publish_version(FunctionName=f)
    api.create_alias(FunctionName=f, Name="live", FunctionVersion="1")
    api.add_permission(FunctionName=f, Qualifier="live", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                       SourceArn="arn:aws:s3:::bucket", SourceAccount="123456789012")
    check("policy of an alias", json.loads(api.get_policy(FunctionName=f, Qualifier="live")["Policy"])["Statement"][0]["Resource"] == arn + ":live")

    api.tag_resource(Resource=arn, Tags={"a": "1"})
    refused("tags of an alias", "InvalidParameterValueException", 400, api.tag_resource, Resource=arn + ":live", Tags={"a": "1"})
    refused("aws: tags", "InvalidParameterValueException", 400, api.tag_resource, Resource=arn, Tags={"aws:x": "1"})
    refused("51 tags", "InvalidParameterValueException", 400, api.tag_resource, Resource=arn, Tags={str(i): "" for i in range(51)})
    check("tags", api.list_tags(Resource=arn)["Tags"] == {"a": "1"})
    api.delete_function(FunctionName=f)


def streams():
    f = PREFIX + "-s"
    create(f, "def handler(event, context):\n    print('said')\n    if event: raise ValueError('no')\n    return 'whole'\n")
    out = api.invoke_with_response_stream(FunctionName=f, LogType="Tail")
    check("version", out["ExecutedVersion"] == "$LATEST", out)
    events = list(out["EventStream"])
    check("chunks", b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b'"whole"', events)
    log = base64.b64decode(events[-1]["InvokeComplete"]["LogResult"]).decode()
    check("log", "said" in log and "REPORT" in log, log)
    last = list(api.invoke_with_response_stream(FunctionName=f, Payload=b'{"a":1}')["EventStream"])[-1]["InvokeComplete"]
    check("error", last["ErrorCode"] == "ValueError" and json.loads(last["ErrorDetails"])["errorMessage"] == "no", last)
    refused("none", "ResourceNotFoundException", 404, api.invoke_with_response_stream, FunctionName=f + "-none")
    api.delete_function(FunctionName=f)


def tenants():
    f = PREFIX + "-t"
    code = "import os\nowner = []\ndef handler(event, context):\n    owner.append(context.tenant_id)\n    return [context.tenant_id, sorted(set(owner))]\n"
    made = create(f, code, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    check("tenancy", made["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}, made)
    for _ in range(3):
        for tenant in ("blue", "green"):
            check(tenant, answer(FunctionName=f, TenantId=tenant)[0] == [tenant, [tenant]])
    for kind in ("RequestResponse", "Event", "DryRun"):
        refused("no tenant: " + kind, "InvalidParameterValueException", 400, api.invoke, FunctionName=f, InvocationType=kind)
    refused("no tenant of a stream", "InvalidParameterValueException", 400, api.invoke_with_response_stream, FunctionName=f)
    refused("url", "InvalidParameterValueException", 400, api.create_function_url_config, FunctionName=f, AuthType="NONE")
    api.delete_function(FunctionName=f)
    create(f, "def handler(event, context):\n    return context.tenant_id\n")
    refused("a tenant too many", "InvalidParameterValueException", 400, api.invoke, FunctionName=f, TenantId="blue")
    check("none", answer(FunctionName=f)[0] is None)
    api.delete_function(FunctionName=f)


for part in (versions, layers, policies, streams, tenants):
    part()
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
