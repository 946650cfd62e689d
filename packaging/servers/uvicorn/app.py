"""The smallest asynchronous web application; put yours in its place."""

import os


async def hello(scope, _receive, send):
    """Answer each request with the variable GREETING (ASGI)."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": os.environ["GREETING"].encode() + b"\n"})
