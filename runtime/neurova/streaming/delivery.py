"""Run the source of a streamed body in the task of its call."""

from __future__ import annotations

from asyncio import CancelledError

from ..execution.failures import failure_reply
from ..execution.in_flight_call import InFlightCall
from ..http.problem import Reject
from ..http.reply import Reply
from .response_stream import ResponseStream, Source, log_cut

CLIENT_DISCONNECTED = 499


class SourceDelivery:
    """Send what a source produces as the reply of a call."""

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source

    async def deliver(self, in_flight: InFlightCall) -> Reply | None:
        """Send the body; return the reply to a failure before the head was sent, else None."""
        if in_flight.done():  # the 504 of a thread has been sent meanwhile
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
                return failure_reply(in_flight.call, in_flight.name, error)
            if not stream.disconnected.done():
                _log_failure(in_flight, error)
            stream.end(500)
        else:
            stream.end()
        return None


def _log_failure(in_flight: InFlightCall, error: BaseException) -> None:
    if isinstance(error, Reject):
        log_cut(in_flight.name, f"Reject({error.status}) raised after its start")
    else:
        failure_reply(in_flight.call, in_flight.name, error)  # logs the error
