"""The context object that a handler gets."""
import json
import os
import sys
import time


class Context(object):
    """As Lambda's LambdaContext."""

    def __init__(self, fixed, request_id, deadline_ms, arn, client_context):
        self.aws_request_id = request_id
        self.log_group_name = fixed.log_group_name
        self.log_stream_name = fixed.log_stream_name
        self.function_name = fixed.function_name
        self.memory_limit_in_mb = fixed.memory_limit_in_mb
        self.function_version = fixed.function_version
        self.invoked_function_arn = arn
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self.identity = Identity()
        self.tenant_id = fixed.tenant_id
        self._epoch_deadline_time_in_ms = deadline_ms

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, msg):
        sys.stdout.write(str(msg))

    def __repr__(self):
        names = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
                 "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id")
        return "LambdaContext([{}])".format(",".join("{}={}".format(n, getattr(self, n)) for n in names))


class Fixed(object):
    """What is the same for all invocations."""

    def __init__(self, tenant_id=None):
        env = os.environ.get
        self.tenant_id = tenant_id
        self.log_group_name = env("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env("AWS_LAMBDA_FUNCTION_VERSION")


class Identity(object):
    """As CognitoIdentity; ebb has no such identities."""
    cognito_identity_id = None
    cognito_identity_pool_id = None

    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])"


class Client(object):
    """The device part of a client context."""
    installation_id = app_title = app_version_name = app_version_code = app_package_name = None

    def __init__(self, fields):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            if name in fields:
                setattr(self, name, fields[name])


class ClientContext(object):
    """What the caller sent in X-Amz-Client-Context."""

    def __init__(self, fields):
        fields = fields if isinstance(fields, dict) else {}
        self.custom = fields.get("custom")
        self.env = fields.get("env")
        client = fields.get("client")
        self.client = Client(client) if isinstance(client, dict) else None
