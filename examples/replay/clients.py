"""The hotel's clients: all consumers of the file, booking and reading at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from .booking import Booking, Found
from .errors import Lost, ReplayError
from .wire import Answer, Connection, request

CONNECTIONS = 8
"""Connections to each runtime."""
TRIES = 5
PAGE = 500
T = TypeVar("T")
Tick = Callable[[], None]


class Page(msgspec.Struct):
    """Hold one answer of GET /bookings."""

    bookings: list[Found]
    next: str | None


_page = msgspec.json.Decoder(Page).decode
_encode = msgspec.json.Encoder().encode


class Clients:
    """Call the runtimes at `ports` with each consumer's own key."""

    def __init__(self, ports: Sequence[int], keys: Mapping[str, str]) -> None:
        self._ports = ports
        self._keys = keys

    async def book(self, bookings: Iterable[Booking], tick: Tick) -> bool:
        """Make every booking; tell whether each was answered.

        One whose connection was lost may have been made or not, and is not sent again: see
        `missing`. Raises ReplayError for an answer that is no 201.
        """
        lost = 0

        async def make(connection: Connection, booking: Booking) -> None:
            nonlocal lost
            body = _encode(booking.stay)
            call = request("POST", "/bookings", self._keys[booking.consumer], body)
            try:
                await _answered(connection, call, 201)
            except Lost:
                lost += 1
            tick()

        await self._share(bookings, make)
        return not lost

    async def read(self, tick: Tick) -> dict[str, list[Found]]:
        """Return what each consumer sees of its own, page after page."""
        seen: dict[str, list[Found]] = {}

        async def look(connection: Connection, consumer: str) -> None:
            found = seen[consumer] = []
            after: str | None = ""
            while after is not None:
                target = f"/bookings?limit={PAGE}" + (f"&after={after}" if after else "")
                page = _page(await _read(connection, target, self._keys[consumer]))
                found += page.bookings
                after = page.next
            tick()

        await self._share(self._keys, look)
        return seen

    async def _share(
        self, items: Iterable[T], work: Callable[[Connection, T], Awaitable[None]]
    ) -> None:
        """Do the work for all items, each connection taking the next as soon as it is free."""
        left = iter(items)

        async def serve(connection: Connection) -> None:
            try:
                for item in left:
                    await work(connection, item)
            finally:
                connection.close()

        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS * len(self._ports)):
                first = number % len(self._ports)
                ports = [*self._ports[first:], *self._ports[:first]]
                group.create_task(serve(Connection(ports)))


def missing(asked: Iterable[Booking], seen: Mapping[str, Iterable[Found]]) -> list[Booking]:
    """Return which bookings are not there as often as they were asked for."""
    there = Counter(found.of(consumer) for consumer, each in seen.items() for found in each)
    return list((Counter(asked) - there).elements())


async def _read(connection: Connection, target: str, key: str) -> bytes:
    """Read, again when a connection was lost: to read twice changes nothing."""
    for _ in range(TRIES):
        try:
            return (await _answered(connection, request("GET", target, key), 200)).body
        except Lost:
            continue
    raise ReplayError(f"GET {target}: the connection was lost {TRIES} times")


async def _answered(connection: Connection, call: bytes, status: int) -> Answer:
    """Return the answer of that status; after a 503, which changed nothing, call again."""
    for _ in range(TRIES):
        answer = await connection.exchange(call)
        if answer.status == status:
            return answer
        if answer.status != 503:
            break
        await asyncio.sleep(1)  # what its Retry-After says
    said = answer.body.decode(errors="replace")
    raise ReplayError(f"{call.split(b' HTTP', 1)[0].decode()} was answered {answer.status}: {said}")
