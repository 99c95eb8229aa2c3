"""The replay: create all bookings, restart, read bookings and CRM's stays, compare the sums."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

import uvloop

from . import hotel, runtimes
from .booking import Booking, CrmStay, StoredBooking
from .clients import Clients, find_missing
from .figures import Report, entry_of_row, entry_of_stay, entry_of_stored
from .wire import ReplayError

T = TypeVar("T")


class Outcome(NamedTuple):
    """The figures of the file, of the API and of CRM, and the seconds to create the bookings."""

    file: Report
    stored: Report
    stays: Report
    seconds: float


def replay(rows: Sequence[hotel.Row], workers: int, storage: runtimes.Storage) -> Outcome:
    """Create a booking for each row on an empty storage, restart, and read all bookings back.

    Raises ReplayError if that fails.
    """
    bookings = [hotel.booking(row) for row in rows]
    runtimes.upgrade(storage)
    keys = runtimes.create_keys(storage.state, (booking.consumer for booking in bookings))
    reader = runtimes.create_reader(storage.state)
    with runtimes.running(workers, storage) as ports:
        started = time.perf_counter()
        is_complete = book(Clients(ports, keys), bookings)
        seconds = time.perf_counter() - started
    # The first platform has finished all calls when it stops, so it can store no more bookings.
    with runtimes.running(workers, storage) as ports:
        clients = Clients(ports, keys)
        stored = read(clients, len(keys))
        if not is_complete:
            if not book(clients, find_missing(bookings, stored)):
                raise ReplayError("connections were lost twice: fix the cause, then try again")
            stored = read(clients, len(keys))
        stays = read_stays(clients, reader, len(bookings))
    entries = (entry_of_stored(each) for own in stored.values() for each in own)
    kept = Report.of(map(entry_of_stay, stays))
    return Outcome(Report.of(map(entry_of_row, rows)), Report.of(entries), kept, seconds)


def book(clients: Clients, bookings: Sequence[Booking]) -> bool:
    """Create bookings and show the progress; return whether each got a response."""
    return _run(clients.book(bookings, show_progress("booking", len(bookings))))


def read(clients: Clients, consumers: int) -> dict[str, list[StoredBooking]]:
    """Read the bookings of each consumer and show the progress."""
    return _run(clients.read(show_progress("reading", consumers)))


def read_stays(clients: Clients, key: str, expected: int) -> list[CrmStay]:
    """Read CRM's stays once it has handled all events, and show the progress."""
    return _run(clients.read_stays(key, expected, show_progress("stays", expected)))


def show_progress(what: str, total: int) -> Callable[[], None]:
    """Return a function to call after each step; it prints a line at every tenth of `total`."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if done * 10 // total > (done - 1) * 10 // total:
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr)

    return tick


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return uvloop.run(work)
    except* ReplayError as errors:
        # Several connections may fail for the same reason, so report only the first error.
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise ReplayError(str(first)) from None
