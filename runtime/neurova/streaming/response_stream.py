"""Pass a streamed body from its source to the server."""

from __future__ import annotations

import logging
from asyncio import CancelledError, Future, Task, TimerHandle, sleep
from collections.abc import Awaitable, Callable
from typing import Protocol

from ..execution.failures import failure_reply, unwrap_group
from ..execution.in_flight_call import InFlightCall
from ..http.call import Call, Field
from ..http.problem import Reject
from ..http.reply import Reply

LOGGER = logging.getLogger("neurova")
CLIENT_DISCONNECTED = 499


class BodyWriter(Protocol):
    """Write the pieces of a body to a client; each server implements it."""

    async def send(self, data: bytes) -> None:
        """Send a piece and wait until the client can receive more. Raises ConnectionError."""
        ...

    def end(self, status: int = 0) -> None:
        """End the body; a nonzero `status` means that it is incomplete, and is the reason."""
        ...


class StreamReply(Reply):
    """A reply with a streamed body of `length` bytes, None if unknown."""

    __slots__ = ("length", "stream")

    def __init__(
        self, status: int, content_type: bytes, fields: list[Field], length: int | None = None
    ) -> None:
        self.status = status
        self.body = b""
        self.content_type = content_type
        self.fields = fields
        self.length = length
        self.stream: ResponseStream

    @property
    def task(self) -> Task[None]:
        """The task that produces the body; it may go on after the end of the body."""
        task = self.stream.in_flight.task
        assert task is not None
        return task

    def start(self, writer: BodyWriter) -> None:
        """Write the body to `writer`."""
        self.stream.connect(writer)

    def disconnect(self) -> None:
        """Stop the source: the client has disconnected."""
        self.stream.disconnect()


Source = Callable[[Call, "ResponseStream"], Awaitable[None]]
"""Produces a body: `await response.start(reply)` once, then `await response.send(data)`."""


class ResponseStream:
    """Pass the pieces of one body to its client, with backpressure.

    The source must produce each piece within the `timeout` of its function; waiting for the client
    does not count. When the client disconnects, the future `disconnected` is done and the source is
    cancelled unless it `handles_disconnect`.
    """

    __slots__ = (
        "_piece_started",
        "_timer",
        "_writer",
        "_writer_ready",
        "disconnected",
        "handles_disconnect",
        "has_ended",
        "has_started",
        "in_flight",
    )

    def __init__(self, in_flight: InFlightCall) -> None:
        loop = in_flight.get_loop()
        self.in_flight = in_flight
        self.disconnected: Future[None] = loop.create_future()
        self.handles_disconnect = False
        self.has_started = self.has_ended = False
        self._writer_ready: Future[BodyWriter | None] = loop.create_future()
        self._writer: BodyWriter | None = None
        self._piece_started = 0.0  # when the source began to produce a piece
        self._timer: TimerHandle | None = None

    def keep_source_on_disconnect(self) -> None:
        """Do not cancel the source on a disconnect; it must watch `disconnected`."""
        self.handles_disconnect = True
        self.in_flight.on_disconnect = self.disconnect

    async def start(self, reply: StreamReply) -> None:
        """Send the head and wait until the server is ready for the body."""
        reply.stream = self
        in_flight = self.in_flight
        if in_flight.done() or in_flight.is_expired:
            raise CancelledError
        self.has_started = True
        in_flight.timer.cancel()
        in_flight.call.task = in_flight.task
        in_flight.set_result(reply)
        self._writer = await self._writer_ready
        loop = in_flight.get_loop()
        self._piece_started = loop.time()
        due = self._piece_started + in_flight.target.timeout
        self._timer = loop.call_at(due, self._check_timeout)

    async def send(self, data: bytes) -> None:
        """Send a piece of the body. Raises ConnectionError if the client has disconnected."""
        if self.has_ended or self._writer is None:
            raise ConnectionResetError("the stream has ended")
        self._piece_started = 0.0
        await self._writer.send(data)
        await sleep(0)  # let the event loop run, because the source may never wait
        self._piece_started = self.in_flight.get_loop().time()

    def end(self, status: int = 0) -> None:
        """End the body; further calls do nothing."""
        if self.has_ended:
            return
        self.has_ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writer is not None:
            self._writer.end(status)

    def connect(self, writer: BodyWriter) -> None:
        """Send the pieces to `writer`."""
        if not self._writer_ready.done():
            self._writer_ready.set_result(writer)

    def disconnect(self) -> None:
        """Handle a disconnect of the client."""
        self.has_ended = True
        if self._timer is not None and not self.handles_disconnect:
            self._timer.cancel()
        if not self.disconnected.done():
            self.disconnected.set_result(None)
        if not self._writer_ready.done():
            self._writer_ready.set_result(None)
        if self.in_flight.task is not None and not self.handles_disconnect:
            self.in_flight.task.cancel()

    def _check_timeout(self) -> None:
        """End the stream if the source takes too long for a piece."""
        in_flight = self.in_flight
        loop, timeout = in_flight.get_loop(), in_flight.target.timeout
        now = loop.time()
        due = (self._piece_started or now) + timeout
        if due > now:
            self._timer = loop.call_at(due, self._check_timeout)
            return
        if not self.disconnected.done():
            _log_end(in_flight.target.name, f"the function sent no piece within {timeout:g} s")
        self.end(504)
        if in_flight.task is not None:
            in_flight.task.cancel()


class SourceDelivery:
    """Deliver a reply that a source streams (a `Delivery`)."""

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source

    async def deliver(self, in_flight: InFlightCall) -> Reply | None:
        """Send the reply. Return an error reply if it fails before the head is sent, else None."""
        if in_flight.done():  # the thread ran beyond the deadline: the 504 was sent
            return None
        stream, task = ResponseStream(in_flight), in_flight.task
        try:
            await self.source(in_flight.call, stream)
            if not stream.has_started:
                raise RuntimeError("The source ended without a reply")
        except BaseException as error:
            if isinstance(error, CancelledError) and task is not None and task.cancelling():
                stream.end(503)
                raise
            if not stream.has_started and stream.disconnected.done():
                return Reply.of(CLIENT_DISCONNECTED, b"", b"", [])
            if not stream.has_started:
                return failure_reply(in_flight.call, in_flight.target.name, error)
            if not stream.disconnected.done():
                _log_failure(in_flight, error)
            stream.end(500)
        else:
            stream.end()
        return None


def _log_failure(in_flight: InFlightCall, error: BaseException) -> None:
    error = unwrap_group(error)
    if isinstance(error, Reject):
        _log_end(in_flight.target.name, f"Reject({error.status}) raised after the head was sent")
    else:
        failure_reply(in_flight.call, in_flight.target.name, error)  # only logs the error


def _log_end(function: str, reason: str) -> None:
    extra = {"neurova": {"function": function}}
    LOGGER.error("%s: stream ended early, %s", function, reason, extra=extra)
