"""The ASGI scope of a call, and Starlette's Request for functions that declare one."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes

from ..http.call import Call

if TYPE_CHECKING:
    from starlette.requests import Request

SAFE = "/!$&'()*+,=:@"  # the characters allowed unescaped in a path (RFC 3986, 3.3), except ";"


def make_scope(call: Call) -> dict[str, Any]:
    """Return the ASGI scope of `call`, with a normalized `raw_path`."""
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


def make_request(call: Call) -> Request:
    """Return `call` as a Starlette Request; call this on a running event loop."""
    from .starlette_request import FunctionRequest

    if call.disconnected is None:
        call.disconnected = get_running_loop().create_future()
    return FunctionRequest(make_scope(call), call.body, call.disconnected)
