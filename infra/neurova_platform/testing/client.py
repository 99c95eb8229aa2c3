"""Call an ASGI app in process, like an HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import quote, unquote

import msgspec

from neurova_gateway.server.asgi import TruncatedResponse

from .response import Response


class CallOptions(TypedDict, total=False):
    """The options of a call; `scopes` creates a key for `consumer`, by default "tester"."""

    json: Any
    body: bytes
    headers: Mapping[str, str]
    key: str | None
    consumer: str
    scopes: Sequence[str] | None


def encode_request(options: CallOptions, **default: str) -> tuple[dict[str, str], bytes]:
    """Return the headers, with lower-case names, and the body. Raises TypeError for a `str`."""
    headers = {"host": "test"} | default
    headers |= {name.lower(): value for name, value in (options.get("headers") or {}).items()}
    body = options.get("body", b"")
    if "json" in options:
        body = msgspec.json.encode(options["json"])
        headers.setdefault("content-type", "application/json")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"body= must be bytes, not {type(body).__name__}: encode it, or use json=")
    return headers, body


def build_scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the ASGI scope of a call; characters that are invalid in a URL are percent-encoded."""
    target, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": unquote(target),
        "raw_path": quote(target, safe="/%!$&'()*+,;=:@").encode(),
        "query_string": quote(query, safe="%=&+!$'()*,;:@/?").encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 0),
        "http_version": "1.1",
        "scheme": "http",
    }


def decode_headers(start: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of an `http.response.start` message."""
    return {name.decode(): value.decode("latin-1") for name, value in start["headers"]}


async def request(
    app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Make one call and return its response; the client does not disconnect early."""
    sent: list[dict[str, Any]] = []
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    complete = True

    async def receive() -> dict[str, Any]:
        if not requests:  # the client never disconnects
            await asyncio.get_running_loop().create_future()
        return requests.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    try:
        await app(build_scope(method, path, headers), receive, send)
    except TruncatedResponse:
        complete = False
    content = b"".join(part.get("body", b"") for part in sent[1:])
    return Response(sent[0]["status"], decode_headers(sent[0]), content, complete)
