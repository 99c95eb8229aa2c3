"""What the gateway calls: a function, with what its description adds to every reply."""

from __future__ import annotations

from asyncio import Future, ensure_future
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from ..functions.descriptions import Http, Route
from ..http.caching import Caching
from ..http.call import Call, Field
from ..http.reply import Reply
from .function import Function

Finish = Callable[[Call, Reply], Reply]


class Endpoint:
    """Answer calls with a function: `fields` are added to each reply, then `finish` sees it."""

    __slots__ = ("cost", "fields", "finish", "function", "waits")

    def __init__(self, function: Function, fields: list[Field], finish: Finish | None) -> None:
        self.function = function
        self.cost, self.waits = function.cost, function.waits
        self.fields = fields
        self.finish = finish

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete."""
        call.reply_fields += self.fields
        answer = self.function.invoke(call)
        if self.finish is None:
            return answer
        if isinstance(answer, Reply):
            return self.finish(call, answer)
        return Finished(answer, call, self.finish)


class Finished(Future[Reply]):
    """The reply to come of a flight, once it is finished; whoever cancels this cancels that."""

    __slots__ = ("call", "finish", "flight")

    def __init__(self, answer: Awaitable[Reply], call: Call, finish: Finish) -> None:
        flight: Any = ensure_future(answer)
        super().__init__(loop=flight.get_loop())
        self.flight = flight
        self.call = call
        self.finish = finish
        flight.add_done_callback(self._landed)

    @property
    def streams(self) -> bool:
        """Tell what the flight tells."""
        return bool(getattr(self.flight, "streams", False))

    def leave(self) -> None:
        """Note that the client has left."""
        self.flight.leave()

    def cancel(self, msg: Any | None = None) -> bool:
        """End the call, nobody waits for its reply."""
        return bool(self.flight.cancel(msg))

    def _landed(self, flight: Future[Reply]) -> None:
        if flight.cancelled():
            super().cancel()
        elif not self.done():
            self.set_result(self.finish(self.call, flight.result()))


def endpoint(function: Function) -> Function | Endpoint:
    """Return what answers calls of a function; itself, when nothing is added to its replies."""
    description = function.description
    fields = ageing(description)
    finish: Finish | None = None
    if isinstance(description, Http) and description.cache:
        finish = Caching(description.cache, public=description.public)
    return Endpoint(function, fields, finish) if fields or finish else function


def ageing(description: Route) -> list[Field]:
    """Return the fields that say since when and until when (RFC 9745, RFC 8594)."""
    fields: list[Field] = []
    since, until = description.deprecated, description.sunset
    if isinstance(since, date):
        fields.append((b"deprecation", b"@%d" % int(_midnight(since).timestamp())))
    if until is not None:
        fields.append((b"sunset", format_datetime(_midnight(until), usegmt=True).encode()))
    return fields


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
