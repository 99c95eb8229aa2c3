"""One request, with the state that the platform adds to it."""

from __future__ import annotations

from asyncio import Future, Task
from typing import Any

from ..telemetry.redact import mask_secrets
from .caller import Caller

Field = tuple[bytes, bytes]


class Call:
    """One request on its way from the server to a function.

    `method` is upper case; `raw_path` is undecoded, without the query; `query` is undecoded,
    without `?`; `fields` are the header fields in order, with lower-case names; `headers` has the
    first field of each name; `client` is the client's address; `version` is the HTTP version.

    Set later: `body` by the server, `route` and `params` (decoded path parameters) by the router,
    `caller` and `shared` (`kong.ctx.shared`) by the plugins, `trace_id`, `parent_id`, `span_id`
    and `sampled` by the trace step, `reply_fields` (added to any reply) by any step, `deadline`
    (event-loop seconds) by the endpoint, `disconnected` by a function's Request, which watches it,
    `task` with the reply if it goes on after that.
    """

    __slots__ = (
        "body",
        "caller",
        "client",
        "deadline",
        "disconnected",
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
        "task",
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
        # If len(headers) < len(fields), a name is repeated.
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
        self.task: Task[None] | None = None
        self.disconnected: Future[None] | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return the first field with this lower-case `name`, or None."""
        return self.headers.get(name)

    def notify_disconnect(self) -> None:
        """Notify a function that watches for it of a disconnect of the client."""
        if self.disconnected is not None and not self.disconnected.done():
            self.disconnected.set_result(None)

    def __repr__(self) -> str:
        # Omit query and fields: they may hold secrets.
        return mask_secrets(f"<Call {self.method} {self.raw_path!r}>")
