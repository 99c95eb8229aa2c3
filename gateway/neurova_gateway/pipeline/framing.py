"""Step: check version, Content-Length, Transfer-Encoding, Upgrade and Expect of a request."""

from __future__ import annotations

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova.http.reply import Reply

from .route_entry import Step

VERSIONS = frozenset(["1.1", "1.0", "2", "3"])  # HTTP/2 and HTTP/3 requests arrive by ASGI
_SPECIAL = frozenset([b"transfer-encoding", b"upgrade", b"expect"])


def framing_check(max_body: int) -> Step:
    """Return the step that refuses unsupported requests, and bodies over `max_body` bytes."""
    digits = len(str(max_body))

    def check_framing(call: Call) -> Reply | None:
        headers = call.headers
        if call.version not in VERSIONS:
            return problem(call, 505, "HTTP version not supported, use HTTP/1.1")
        length = headers.get(b"content-length")
        if length is not None and not (
            # With fewer digits than the limit, the length is below the limit: do not parse it.
            length.isdigit() and (len(length) < digits or fits(length))
        ):
            return problem(call, 413, body_too_large(max_body))
        return None if _SPECIAL.isdisjoint(headers) else _check_special(call)

    def fits(length: bytes) -> bool:
        return len(length) < 20 and int(length) <= max_body

    return check_framing


def body_too_large(max_body: int) -> str:
    """Return the error detail for a body of more than `max_body` bytes."""
    return f"Request body exceeds {max_body} bytes"


def is_websocket(call: Call) -> bool:
    """Return whether a request asks for WebSocket."""
    return call.headers.get(b"upgrade", b"").lower() == b"websocket"


def _check_special(call: Call) -> Reply | None:
    headers = call.headers
    if b"transfer-encoding" in headers and headers[b"transfer-encoding"].lower() != b"chunked":
        return problem(call, 501, "Transfer coding not supported, use chunked")
    if is_websocket(call):
        return problem(call, 501, "WebSocket not supported")
    if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
        return problem(call, 417, "Expectation not supported, use 100-continue")
    return None
