"""Starlette's Request, built from a Call when a function asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from ..http.call import Call

if TYPE_CHECKING:
    from starlette.requests import Request

SAFE = "/!$&'()*+,=:@"  # RFC 3986, 3.3: what need not be escaped in a path, without ";"


def scope_of(call: Call) -> dict[str, Any]:
    """Return the ASGI scope of `call`; its path is spelt in one way in `raw_path` too."""
    host = call.header(b"host") or b"localhost"
    path = unquote_to_bytes(call.raw_path).decode("utf-8", "replace")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": call.version,
        "method": call.method,
        "scheme": call.scheme,
        "path": path,
        "raw_path": call.raw_path if b"%" not in call.raw_path else quote(path, safe=SAFE).encode(),
        "query_string": call.query,
        "root_path": "",
        "headers": call.fields,
        "client": (call.client, 0),
        "server": (host.decode("latin-1"), None),
        "path_params": call.params,
        "state": {},
    }


def request_of(call: Call) -> Request:
    """Return `call` as Starlette's Request; its body is already here."""
    from starlette.requests import Request

    body = call.body
    done = False

    async def receive() -> dict[str, Any]:
        nonlocal done
        if done:
            return {"type": "http.disconnect"}
        done = True
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope_of(call), receive)
