"""One request and its way through the platform."""

from __future__ import annotations

from typing import Any

from ..telemetry.redact import mask_secrets
from .caller import Caller

Field = tuple[bytes, bytes]


class Call:
    """Carry one request, and what is learnt of it, from the server to a function and back.

    `method` is upper case; `raw_path` is what the client sent, without the query; `query` is raw,
    without `?`; `fields` are the header fields in order, with names in lower case; `headers` has
    the first of each name; `client` is the client's address; `body` is complete when the function
    runs; `version` is that of HTTP.

    Set on the way: `route` and `params` (decoded path parameters) by the router, `caller` by the
    plugins, `trace_id`, `parent_id`, `span_id` (integers) and `sampled` by the trace step,
    `reply_fields` (added to the reply, whatever it is) by any step, `shared` (`kong.ctx.shared`) by
    the plugins, `deadline` (event-loop seconds) by the function's endpoint.
    """

    __slots__ = (
        "body",
        "caller",
        "client",
        "deadline",
        "fields",
        "headers",
        "method",
        "params",
        "parent_id",
        "query",
        "raw_path",
        "reply_fields",
        "route",
        "sampled",
        "scheme",
        "shared",
        "span_id",
        "started",
        "trace_id",
        "version",
    )

    def __init__(
        self,
        method: str,
        raw_path: bytes,
        query: bytes,
        fields: list[Field],
        client: str,
        body: bytes = b"",
        scheme: str = "http",
        version: str = "1.1",
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.fields = fields
        # len(headers) < len(fields) tells that a name repeats.
        self.headers = dict(reversed(fields))
        self.client = client
        self.body = body
        self.scheme = scheme
        self.version = version
        self.params: dict[str, str] = {}
        self.caller: Caller | None = None
        self.route: Any = None
        self.reply_fields: list[Field] = []
        self.shared: dict[str, Any] = {}
        self.trace_id = 0
        self.parent_id = 0
        self.span_id = 0
        self.sampled = False
        self.started = 0.0
        self.deadline = 0.0

    def header(self, name: bytes) -> bytes | None:
        """Return the first field of that lower-case `name`, or None."""
        return self.headers.get(name)

    def __repr__(self) -> str:
        # Query and fields may hold secrets.
        return mask_secrets(f"<Call {self.method} {self.raw_path!r}>")
