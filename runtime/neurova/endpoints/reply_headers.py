"""Add the caching and deprecation headers of a description to replies."""

from __future__ import annotations

from asyncio import Future, ensure_future
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from ..functions.descriptions import Route
from ..http.caching import Caching
from ..http.call import Call, Field
from ..http.reply import Reply
from .endpoint import Endpoint
from .function import HttpFunction

Finish = Callable[[Call, Reply], Reply]


class ReplyHeaders:
    """Wrap an endpoint: add `fields` to each reply, then pass the reply through `finish`."""

    __slots__ = ("endpoint", "fields", "finish")

    def __init__(self, endpoint: Endpoint, fields: list[Field], finish: Finish | None) -> None:
        self.endpoint = endpoint
        self.fields = fields
        self.finish = finish

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete."""
        call.reply_fields += self.fields
        reply = self.endpoint.invoke(call)
        if self.finish is None:
            return reply
        if isinstance(reply, Reply):
            return self.finish(call, reply)
        return FinishedReply(reply, call, self.finish)


class FinishedReply(Future[Reply]):
    """The future of an in-flight call's reply after `finish`; forwards `cancel` to the call."""

    __slots__ = ("call", "finish", "in_flight")

    def __init__(self, reply: Awaitable[Reply], call: Call, finish: Finish) -> None:
        in_flight: Any = ensure_future(reply)
        super().__init__(loop=in_flight.get_loop())
        self.in_flight = in_flight
        self.call = call
        self.finish = finish
        in_flight.add_done_callback(self._forward)

    @property
    def streams(self) -> bool:
        """Whether a disconnect of the client must be reported immediately."""
        return bool(getattr(self.in_flight, "streams", False))

    def disconnect(self) -> None:
        """Forward a disconnect of the client to the call in flight."""
        self.in_flight.disconnect()

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the call in flight."""
        return bool(self.in_flight.cancel(msg))

    def _forward(self, in_flight: Future[Reply]) -> None:
        """Forward the result of the in-flight call."""
        if in_flight.cancelled():
            super().cancel()
        elif not self.done():
            try:
                self.set_result(self.finish(self.call, in_flight.result()))
            except Exception as error:  # otherwise this future would never be done
                self.set_exception(error)


def with_reply_headers(endpoint: Endpoint) -> Endpoint | ReplyHeaders:
    """Wrap the endpoint if its description adds headers, else return it unchanged."""
    description = endpoint.description
    fields = lifecycle_fields(description)
    finish: Finish | None = None
    if isinstance(endpoint, HttpFunction) and endpoint.description.cache:
        finish = _make_caching(endpoint)
    return ReplyHeaders(endpoint, fields, finish) if fields or finish else endpoint


def _make_caching(function: HttpFunction) -> Caching:
    """Return a function's Cache-Control and Vary, derived from its parameters."""
    parameters, description = function.binding.parameters, function.description
    varies = [each.alias.encode() for each in parameters if each.kind == "header"]
    varies += [b"cookie" for each in parameters if each.kind == "cookie"]
    # A function with a Request parameter may read anything from it, such as a cookie.
    is_personal = any(each.kind in ("caller", "request") for each in parameters)
    public = description.public and not is_personal
    return Caching(description.cache, public=public, varies=varies)


def lifecycle_fields(description: Route) -> list[Field]:
    """Return the Deprecation and Sunset fields (RFC 9745, RFC 8594)."""
    fields: list[Field] = []
    deprecated, sunset = description.deprecated, description.sunset
    if isinstance(deprecated, date):
        fields.append((b"deprecation", b"@%d" % int(_midnight(deprecated).timestamp())))
    if sunset is not None:
        fields.append((b"sunset", format_datetime(_midnight(sunset), usegmt=True).encode()))
    return fields


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
