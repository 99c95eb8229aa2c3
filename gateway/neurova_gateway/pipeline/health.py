"""Whether this process takes calls: for load balancers, on the gateway's own port."""

from __future__ import annotations

from neurova.functions.descriptions import HEALTH_PATH
from neurova.http.call import Call
from neurova.http.reply import JSON, Reply
from neurova.overload.cost import Cost

PATH = HEALTH_PATH
OCTETS = PATH.encode()
METHODS = ("GET", "HEAD")
_NO_STORE = (b"cache-control", b"no-store")
_AGAIN = (b"retry-after", b"1")


class Health:
    """Answer anybody: 200, or 503 once no new calls are to be sent here. It says nothing more."""

    waits = False

    def __init__(self) -> None:
        self.draining = False
        self.cost = Cost(1e-5)  # so little that it is answered in a crowd

    def invoke(self, call: Call) -> Reply:
        """Answer one call."""
        if self.draining:
            return Reply.of(503, b'{"status":"draining"}', JSON, [_NO_STORE, _AGAIN])
        return Reply.of(200, b'{"status":"ok"}', JSON, [_NO_STORE])
