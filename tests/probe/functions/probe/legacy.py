"""An ASGI app that needs one scope."""

from typing import Any

from neurova import mount

from .domain import counted


async def app(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    counted.append("legacy")
    fields = [(b"content-type", b"text/plain"), (b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    body = b"" if scope["method"] == "HEAD" else b"told"
    await send({"type": "http.response.body", "body": body})


legacy = mount("/legacy", app, scopes=["probe:secret"], methods=["GET"])
