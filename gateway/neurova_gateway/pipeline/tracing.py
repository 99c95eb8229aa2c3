"""Sample calls in the gateway, and record the spans of sampled, failed and slow calls."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from random import getrandbits, random
from time import time_ns
from typing import Any, NamedTuple

from neurova.http.addresses import parse_address, parse_network
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.traces.current import SpanContext, child_of
from neurova.traces.span import INTERNAL, SERVER, Span
from neurova.traces.traceparent import parse_traceparent
from neurova.traces.tracer import Tracer

from . import health
from .call_records import CallRecord
from .route_entry import RouteEntry, Step


class TracedRoute(NamedTuple):
    """A route's path template and sampling ratio; None for the default ratio."""

    template: str
    ratio: float | None


class CallTracing:
    """Sample the calls of routes; a `CallSink` that records root spans from call records.

    A sampled call continues on a second entry of its route, so that other calls run no tracing
    code. `scheme`: the URL scheme of the listener.
    """

    def __init__(self, tracer: Tracer, scheme: str = "http") -> None:
        self._tracer = tracer
        self._scheme = scheme
        self._routes: Mapping[str, TracedRoute] = {}

    def load(self, routes: Mapping[str, TracedRoute]) -> None:
        """Replace the routes (by name). Call this before the gateway loads them."""
        self._routes = routes

    @property
    def is_enabled(self) -> bool:
        """Return whether any call may be sampled."""
        return self._tracer.buffer is not None

    def trace(self, entry: RouteEntry, access: Step) -> RouteEntry:
        """Add a variant for sampled calls to an entry, which uses `access` as its access step."""
        route = self._routes.get(entry.name)
        if route is not None:
            entry.sample_below = self._tracer.sample_below(route.ratio)
            traced = entry.traced = RouteEntry(entry.name, entry, access, entry.log)
            traced.invoke = partial(self._invoke, entry)
        return entry

    def sample(self, call: Call) -> None:
        """Step: decide whether to sample the call, unless a trusted proxy has decided already."""
        entry: RouteEntry = call.route
        decided = call.parent_sampled
        if (call.span_id < entry.sample_below) if decided is None else decided:
            self._begin(call, entry)

    def _begin(self, call: Call, entry: RouteEntry) -> None:
        if entry.traced is not None:
            call.span = SpanContext(
                call.trace_id, call.span_id, self._tracer.buffer, "", "", call.tracestate
            )
            call.route = entry.traced

    def _invoke(self, entry: RouteEntry, call: Call) -> Reply | Awaitable[Reply]:
        """Run the function of a sampled call in a span."""
        root, start = call.span, time_ns()
        assert root is not None
        context = call.span = child_of(root, entry.name, call.consumer)
        reply = entry.invoke(call)
        end = partial(self._end, entry.name, context, root.span_id, start)
        if isinstance(reply, Reply):
            end(reply)
        elif isinstance(reply, Future):
            reply.add_done_callback(end)
        else:
            return _await(reply, end)
        return reply

    def _end(
        self,
        name: str,
        context: SpanContext,
        parent_id: int,
        start: int,
        reply: Reply | Future[Reply] | None,
    ) -> None:
        if isinstance(reply, Future):
            is_complete = not reply.cancelled() and reply.exception() is None
            reply = reply.result() if is_complete else None
        status = 499 if reply is None else reply.status  # no reply: the client disconnected
        attributes = {"faas.name": name, "faas.trigger": "http"}
        error = str(status) if status >= 500 else ""
        span = Span(context.span_id, parent_id, name, INTERNAL, start, time_ns(), attributes, error)
        assert context.buffer is not None
        context.buffer.add(context.trace_id, span)

    def write(self, records: Sequence[CallRecord]) -> None:
        """Record the root spans of sampled, failed and slow calls."""
        slow = self._tracer.slow * 1000
        for record in records:
            is_sampled = bool(record.span_id) if record.route else self._is_sampled(record)
            if is_sampled or record.status >= 500 or record.ms >= slow:
                self._record(record)

    def _is_sampled(self, record: CallRecord) -> bool:
        """Decide whether to sample a call without a route; health checks are never sampled."""
        return record.path != health.PATH and random() < self._tracer.ratio  # noqa: S311 - no secret

    def _record(self, record: CallRecord) -> None:
        buffer = self._tracer.buffer
        if buffer is None:
            return
        start = int(record.time * 1e9)
        span = Span(
            int(record.span_id, 16) if record.span_id else getrandbits(64) or 1,
            int(record.parent_id, 16) if record.parent_id else 0,
            self._name(record),
            SERVER,
            start,
            start + int(record.ms * 1e6),
            self._attributes(record),
            str(record.status) if record.status >= 500 else "",
        )
        buffer.add(int(record.trace_id, 16), span)

    def _name(self, record: CallRecord) -> str:
        route = self._routes.get(record.route)
        return record.method if route is None else f"{record.method} {route.template}"

    def _attributes(self, record: CallRecord) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "http.request.method": record.method,
            "http.response.status_code": record.status,
            "http.response.body.size": record.bytes,
            "url.path": record.path,
            "url.scheme": self._scheme,
            "client.address": record.client,
        }
        if record.route:
            attributes["faas.name"] = record.route
            if record.route in self._routes:
                attributes["http.route"] = self._routes[record.route].template
        if record.consumer:
            attributes["user.id"] = record.consumer
        if record.status >= 500:
            attributes["error.type"] = str(record.status)
        return attributes


def parent_flag_reader(proxies: Iterable[str]) -> Step:
    """Return the step that adopts the sampled flag of a `traceparent` from `proxies` (CIDRs)."""
    networks = tuple(map(parse_network, proxies))

    def read_parent_flag(call: Call) -> None:
        if call.parent_id:
            address = parse_address(call.client)
            if address is not None and any(address in network for network in networks):
                parent = parse_traceparent(call.headers[b"traceparent"])
                call.parent_sampled = parent is not None and parent.sampled

    return read_parent_flag


async def _await(reply: Awaitable[Reply], end: Callable[[Reply | None], None]) -> Reply:
    found = None
    try:
        found = await reply
        return found
    finally:
        end(found)
