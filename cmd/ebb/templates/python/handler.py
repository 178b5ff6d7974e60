"""A function: handler(event, context) is called once per invocation."""


def handler(event, context):
    # event is the JSON that came in; what is returned goes out as JSON.
    name = event.get("name", "world")
    print(f"greeting {name}, {context.get_remaining_time_in_millis()} ms left")
    return {"message": f"Hello, {name}!"}
