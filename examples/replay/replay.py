"""The replay: book everything, start anew, read everything back, compare."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

import uvloop

from . import hotel, keys, runtimes
from .booking import Booking, Found
from .clients import Clients, missing
from .errors import ReplayError
from .figures import Report, of_found, of_row
from .progress import progress

T = TypeVar("T")


class Outcome(NamedTuple):
    """Hold the figures of the file and of the API, and the seconds that booking took."""

    file: Report
    read: Report
    seconds: float


def replay(rows: Sequence[hotel.Row], count: int, ground: runtimes.Ground) -> Outcome:
    """Send rows as bookings to so many runtimes on an empty ground, and read them back.

    Raises ReplayError when it cannot be done.
    """
    bookings = [hotel.booking(row) for row in rows]
    runtimes.upgrade(ground)
    found = keys.create(ground.state, (booking.consumer for booking in bookings))
    with runtimes.running(count, ground) as ports:
        began = time.perf_counter()
        answered = book(Clients(ports, found), bookings)
        seconds = time.perf_counter() - began
    # The runtimes that were called have ended, and let every call in flight finish before: what is
    # there now is all that was booked, and it has outlived them.
    with runtimes.running(count, ground) as ports:
        clients = Clients(ports, found)
        seen = read(clients, len(found))
        if not answered:
            if not book(clients, missing(bookings, seen)):
                raise ReplayError("connections were lost twice: see what ends them, then try again")
            seen = read(clients, len(found))
    each = (of_found(one) for own in seen.values() for one in own)
    return Outcome(Report.of(map(of_row, rows)), Report.of(each), seconds)


def book(clients: Clients, bookings: Sequence[Booking]) -> bool:
    """Make bookings and show how far that is; tell whether each was answered."""
    with progress("booking", len(bookings)) as tick:
        return _run(clients.book(bookings, tick))


def read(clients: Clients, consumers: int) -> dict[str, list[Found]]:
    """Read back what each consumer has, and show how far that is."""
    with progress("reading, as each consumer", consumers) as tick:
        return _run(clients.read(tick))


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return uvloop.run(work)
    except* ReplayError as errors:
        # Many connections may have met the same; one of them is enough to know.
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise ReplayError(str(first)) from None
