"""The delivery of a reply that comes piece by piece."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any

from ..asgi.app import App
from ..asgi.request import scope_of
from ..execution.replies import failed
from ..http.problem import Reject
from ..http.reply import Reply
from .items import Items
from .response_stream import ResponseStream, Source, say_cut
from .stream import Stream

if TYPE_CHECKING:
    from ..execution.in_flight_call import InFlightCall


async def deliver(flight: InFlightCall, result: Any) -> Reply | None:
    """Send what a function returned: a `Stream`, an `App`, or what is called as one.

    Returns the reply of a failure before its head, None when it had one.
    """
    function, call = flight.function, flight.call
    if flight.done():  # a thread's 504 has been sent meanwhile
        return None
    if function.binding.tx >= 0:
        # It would be sent before the commit.
        error = TypeError("a function with a Tx cannot answer piece by piece: return the whole")
        return failed(call, function.name, error)
    if isinstance(result, Stream):
        return await _run(flight, Items(result, function.description.status))
    if not isinstance(result, App):  # a response of Starlette's
        result = App(result, scope_of, keyed=not function.description.public)
    return await _run(flight, result)


async def _run(flight: InFlightCall, source: Source) -> Reply | None:
    outlet, task = ResponseStream(flight), flight.task
    flight.outlet = outlet
    try:
        await source(flight.call, outlet)
        if not outlet.begun:
            raise RuntimeError("it ended without an answer")
    except BaseException as error:
        if isinstance(error, CancelledError) and task is not None and task.cancelling():
            outlet.end(503)
            raise
        if not outlet.begun and outlet.gone.done():
            return Reply.of(499, b"", b"", [])  # to nobody
        if not outlet.begun:
            return failed(flight.call, flight.function.name, error)
        if not outlet.gone.done():
            _cut(flight, error)
        outlet.end(500)
    else:
        outlet.end()
    return None


def _cut(flight: InFlightCall, error: BaseException) -> None:
    """Log what cannot be said to the caller any more."""
    if isinstance(error, Reject):
        say_cut(flight, f"it refused with {error.status} when its stream had begun")
    else:
        failed(flight.call, flight.function.name, error)
