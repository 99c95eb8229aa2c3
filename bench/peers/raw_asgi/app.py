"""An empty ASGI call: read the body, answer 146 fixed bytes of JSON, without routing or validation.

Runs on stock uvicorn with uvloop and httptools, in the versions that NEUROVA uses.
"""

BODY = (
    b'{"room_type":"d","arrival":"2027-03-14","nights":3,"guests":2,'
    b'"rate_cents":11950,"total_cents":35850,"currency":"EUR","cancel_until":"2027-03-07"}'
)
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ],
}
END = {"type": "http.response.body", "body": BODY}


async def app(scope, receive, send):
    """Answer any request."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(START)
    await send(END)
