def handler(event, context):
    print("greeting", event["name"])
    return {"message": "Hello, " + event["name"] + "!"}
