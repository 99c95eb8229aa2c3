"""The health check for load balancers, on the same port as the routes."""

from __future__ import annotations

from neurova.functions.descriptions import HEALTH_PATH
from neurova.http.call import Call
from neurova.http.reply import JSON, Reply

PATH = HEALTH_PATH
RAW_PATH = PATH.encode()
METHODS = ("GET", "HEAD")
_NO_STORE = (b"cache-control", b"no-store")
_RETRY_AFTER = (b"retry-after", b"1")


class Health:
    """Answer 200, or 503 while draining, without authentication. A `Handler`."""

    def __init__(self) -> None:
        self.is_draining = False

    def invoke(self, call: Call) -> Reply:
        """Return the reply to one call."""
        if self.is_draining:
            return Reply.of(503, b'{"status":"draining"}', JSON, [_NO_STORE, _RETRY_AFTER])
        return Reply.of(200, b'{"status":"ok"}', JSON, [_NO_STORE])
