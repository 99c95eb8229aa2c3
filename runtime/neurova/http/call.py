"""One request, with the state that the platform adds to it."""

from __future__ import annotations

from asyncio import Future, Task
from typing import TYPE_CHECKING, Any

from ..telemetry.redact import mask_secrets
from .caller import Caller

if TYPE_CHECKING:
    from ..traces.current import SpanContext

Field = tuple[bytes, bytes]


class Call:
    """One request on its way from the server to a function.

    `method` is upper case; `raw_path` is undecoded, without the query; `query` is undecoded,
    without `?`; `fields` are the header fields in order, with lower-case names; `headers` has the
    first field of each name; `client` is the client's address; `version` is the HTTP version.

    Set later: `body` by the server; `route` and `params` (decoded path parameters) by the router;
    `caller` and `shared` (`kong.ctx.shared`) by the plugins; `trace_id`, `parent_id` and `span_id`
    by the trace step; `parent_sampled` from a trusted proxy; `span` if the call is sampled;
    `pending` while plugins wait; `reply_fields` (added to any reply) by any step; `deadline`
    (event-loop seconds) by the endpoint; `disconnected` (a future) by a function's Request that
    watches for a disconnect; `task` if the function goes on after its reply has started.

    A call that is not sampled is itself the current `Operation`, see traces/current.py.
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
        "parent_sampled",
        "pending",
        "query",
        "raw_path",
        "reply_fields",
        "route",
        "scheme",
        "shared",
        "span",
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
        self.parent_sampled: bool | None = None
        self.span: SpanContext | None = None
        self.pending: Any = None
        self.started = 0.0
        self.deadline = 0.0
        self.task: Task[None] | None = None
        self.disconnected: Future[None] | None = None

    buffer = None
    """A call that is not sampled records no spans."""

    @property
    def function(self) -> str:
        """Return the name of the function, "" before its route is found."""
        return "" if self.route is None else str(self.route.name)

    @property
    def consumer(self) -> str:
        """Return the consumer, "" if the call is anonymous."""
        return "" if self.caller is None else self.caller.consumer

    @property
    def tracestate(self) -> str:
        """Return the client's `tracestate` (W3C), "" without a valid `traceparent`."""
        if not self.parent_id or b"tracestate" not in self.headers:
            return ""
        values = [value for name, value in self.fields if name == b"tracestate"]
        return b",".join(values).decode("latin-1")

    def header(self, name: bytes) -> bytes | None:
        """Return the first field with this lower-case `name`, or None."""
        return self.headers.get(name)

    def notify_disconnect(self) -> None:
        """Notify a function that watches for a disconnect that the client has disconnected."""
        if self.disconnected is not None and not self.disconnected.done():
            self.disconnected.set_result(None)

    def __repr__(self) -> str:
        # Omit query and fields: they may hold secrets.
        return mask_secrets(f"<Call {self.method} {self.raw_path!r}>")
