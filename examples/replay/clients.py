"""The clients of the replay: all consumers of the file create and read bookings concurrently."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from .booking import Booking, CrmStay, StoredBooking
from .wire import Connection, ConnectionLost, ReplayError, Response, encode_request

CONNECTIONS = 8
"""The number of connections to each worker."""
MAX_TRIES = 5
PATIENCE = 60.0
"""Seconds to wait for the next stay in CRM."""
PAGE_SIZE = 500
T = TypeVar("T")
Tick = Callable[[], None]


class Page(msgspec.Struct):
    """Hold one response of GET /bookings."""

    bookings: list[StoredBooking]
    next: str | None


class StayPage(msgspec.Struct):
    """Hold one response of GET /stays."""

    stays: list[CrmStay]
    next: int | None


_decode_stays = msgspec.json.Decoder(StayPage).decode
_decode_page = msgspec.json.Decoder(Page).decode
_encode = msgspec.json.Encoder().encode


class Clients:
    """Call the platform at `ports` with the key of each consumer."""

    def __init__(self, ports: Sequence[int], keys: Mapping[str, str]) -> None:
        self._ports = ports
        self._keys = keys

    async def book(self, bookings: Iterable[Booking], tick: Tick) -> bool:
        """Create every booking; return whether every call got a response.

        Does not repeat a call after a lost connection, because the booking may exist; use
        `find_missing`. Raises ReplayError for a response other than 201.
        """
        lost = 0

        async def create(connection: Connection, booking: Booking) -> None:
            nonlocal lost
            body = _encode(booking.stay)
            request = encode_request("POST", "/bookings", self._keys[booking.consumer], body)
            try:
                await _exchange(connection, request, 201)
            except ConnectionLost:
                lost += 1
            tick()

        await self._distribute(bookings, create)
        return not lost

    async def read(self, tick: Tick) -> dict[str, list[StoredBooking]]:
        """Read the bookings of each consumer, page by page."""
        stored: dict[str, list[StoredBooking]] = {}

        async def read_all(connection: Connection, consumer: str) -> None:
            own = stored[consumer] = []
            after: str | None = ""
            while after is not None:
                target = f"/bookings?limit={PAGE_SIZE}" + (f"&after={after}" if after else "")
                page = _decode_page(await _read(connection, target, self._keys[consumer]))
                own += page.bookings
                after = page.next
            tick()

        await self._distribute(self._keys, read_all)
        return stored

    async def read_stays(self, key: str, expected: int, tick: Tick) -> list[CrmStay]:
        """Read all stays of CRM repeatedly, until it has handled `expected` bookings.

        If CRM stores no new stay for PATIENCE seconds, returns the stays so far.
        """
        connection = Connection(self._ports)
        stays: list[CrmStay] = []
        last_progress = time.monotonic()
        try:
            while len(stays) < expected and time.monotonic() < last_progress + PATIENCE:
                found = await _read_all_stays(connection, key)
                for _ in range(len(stays), len(found)):
                    tick()
                    last_progress = time.monotonic()
                if len(found) < expected:
                    await asyncio.sleep(1)
                stays = found
        finally:
            connection.close()
        return stays

    async def _distribute(
        self, items: Iterable[T], work: Callable[[Connection, T], Awaitable[None]]
    ) -> None:
        """Call `work` for all items; a connection takes the next item as soon as it is free."""
        remaining = iter(items)

        async def run(connection: Connection) -> None:
            try:
                for item in remaining:
                    await work(connection, item)
            finally:
                connection.close()

        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS * len(self._ports)):
                first = number % len(self._ports)
                ports = [*self._ports[first:], *self._ports[:first]]
                group.create_task(run(Connection(ports)))


def find_missing(
    requested: Iterable[Booking], stored: Mapping[str, Iterable[StoredBooking]]
) -> list[Booking]:
    """Return the bookings that are stored fewer times than they were requested."""
    present = Counter(
        each.requested_by(consumer) for consumer, own in stored.items() for each in own
    )
    return list((Counter(requested) - present).elements())


async def _read_all_stays(connection: Connection, key: str) -> list[CrmStay]:
    stays: list[CrmStay] = []
    after: int | None = 0
    while after is not None:
        page = _decode_stays(await _read(connection, f"/stays?limit=500&after={after}", key))
        stays += page.stays
        after = page.next
    return stays


async def _read(connection: Connection, target: str, key: str) -> bytes:
    """Send a GET; repeat it after a lost connection, which is safe."""
    for _ in range(MAX_TRIES):
        try:
            return (await _exchange(connection, encode_request("GET", target, key), 200)).body
        except ConnectionLost:
            continue
    raise ReplayError(f"GET {target}: the connection was lost {MAX_TRIES} times")


async def _exchange(connection: Connection, request: bytes, status: int) -> Response:
    """Return the response, which must have `status`; repeat after a 503, which is safe."""
    for _ in range(MAX_TRIES):
        response = await connection.exchange(request)
        if response.status == status:
            return response
        if response.status != 503:
            break
        await asyncio.sleep(1)  # as the server's Retry-After says
    line = request.split(b" HTTP", 1)[0].decode()
    body = response.body.decode(errors="replace")
    raise ReplayError(f"{line} returned {response.status}: {body}")
