"""The smallest web application; put yours in its place."""

import os


def hello(_environ, start_response):
    """Answer each request with the variable GREETING (PEP 3333)."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [os.environ["GREETING"].encode() + b"\n"]
