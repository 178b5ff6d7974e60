"""Says hello: to an invocation with {"name": …}, and to a browser on its URL."""

import json


def handler(event, context):
    name = name_of(event)
    print("saying hello to", name)  # goes to the function's log
    answer = {
        "message": "Hello, %s, from Python!" % name,
        "function": context.function_name,
        "requestId": context.aws_request_id,
    }
    if "requestContext" in event:  # came through the function URL
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
    return answer


def name_of(event):
    query = event.get("queryStringParameters") or {}
    return event.get("name") or query.get("name") or "world"
