"""Where a stream leaves its function, and where it enters a door."""

from __future__ import annotations

from asyncio import CancelledError, Future, Task, TimerHandle, sleep
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from ..execution.replies import LOGGER
from ..http.call import Call, Field
from ..http.reply import Reply

if TYPE_CHECKING:
    from ..execution.in_flight_call import InFlightCall


class Sink(Protocol):
    """What a door gives: where the pieces of a body go."""

    async def send(self, data: bytes) -> None:
        """Send a piece; return when the client can take more. Raises ConnectionError."""
        ...

    def end(self, status: int = 0) -> None:
        """End the body: whole, or cut short for a reason that `status` states."""
        ...


class StreamReply(Reply):
    """A reply whose body is sent to a sink; `length` is its size if that is known."""

    __slots__ = ("length", "outlet")

    def __init__(
        self, status: int, content_type: bytes, fields: list[Field], length: int | None = None
    ) -> None:
        self.status = status
        self.body = b""
        self.content_type = content_type
        self.fields = fields
        self.length = length
        self.outlet: ResponseStream

    @property
    def task(self) -> Task[None]:
        """Return the task that makes the body; it may go on when the body is whole."""
        task = self.outlet.flight.task
        assert task is not None
        return task

    def to(self, sink: Sink) -> None:
        """Let the body come."""
        self.outlet.open(sink)

    def leave(self) -> None:
        """Stop what makes the body: nobody wants it."""
        self.outlet.leave()


Source = Callable[[Call, "ResponseStream"], Awaitable[None]]
"""What makes a stream: `await outlet.begin(reply)` once, then `await outlet.send(data)`."""


class ResponseStream:
    """Pass the pieces of one stream on, at the pace of its client.

    The source has its function's `timeout` for each piece; the time that the client takes does not
    count. `gone`: the client has left. `told`: a source that is told so is not cancelled.
    """

    __slots__ = ("_open", "_since", "_sink", "_timer", "begun", "ended", "flight", "gone", "told")

    def __init__(self, flight: InFlightCall) -> None:
        loop = flight.get_loop()
        self.flight = flight
        self.gone: Future[None] = loop.create_future()
        self.told = False
        self.begun = self.ended = False
        self._open: Future[Sink | None] = loop.create_future()
        self._sink: Sink | None = None
        self._since = 0.0  # when the source began to make a piece
        self._timer: TimerHandle | None = None

    async def begin(self, reply: StreamReply) -> None:
        """Send the head; return when the body may come."""
        reply.outlet = self
        flight = self.flight
        if flight.done() or flight.expired:
            raise CancelledError
        self.begun = True
        flight.timer.cancel()
        flight.set_result(reply)
        self._sink = await self._open
        loop = flight.get_loop()
        self._since = loop.time()
        self._timer = loop.call_at(self._since + flight.function.timeout, self._look)

    async def send(self, data: bytes) -> None:
        """Send a piece of the body. Raises ConnectionError when the client has left."""
        if self.ended or self._sink is None:
            raise ConnectionResetError("the stream has ended")
        self._since = 0.0
        await self._sink.send(data)
        await sleep(0)  # a source that waits for nothing leaves the loop to others too
        self._since = self.flight.get_loop().time()

    def end(self, status: int = 0) -> None:
        """End the body, once."""
        if self.ended:
            return
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._sink is not None:
            self._sink.end(status)

    def open(self, sink: Sink) -> None:
        """Let the pieces go to `sink`."""
        if not self._open.done():
            self._open.set_result(sink)

    def leave(self) -> None:
        """Note that the client has left."""
        self.ended = True
        if self._timer is not None and not self.told:
            self._timer.cancel()
        if not self.gone.done():
            self.gone.set_result(None)
        if not self._open.done():
            self._open.set_result(None)
        if self.flight.task is not None and not self.told:
            self.flight.task.cancel()

    def _look(self) -> None:
        """Cut the stream when the source takes too long for a piece."""
        flight, now = self.flight, self.flight.get_loop().time()
        due = (self._since or now) + flight.function.timeout
        if due > now:
            self._timer = flight.get_loop().call_at(due, self._look)
            return
        if not self.gone.done():
            say_cut(flight, f"no piece of its stream came within {flight.function.timeout:g} s")
        self.end(504)
        if flight.task is not None:
            flight.task.cancel()


def say_cut(flight: InFlightCall, what: str) -> None:
    """Log why a stream is cut."""
    name = flight.function.name
    LOGGER.error("%s: %s: it is cut", name, what, extra={"neurova": {"function": name}})
