"""The dead letters of all subscriptions: list, show, edit, replay and drop them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import msgspec

from ..bus.base import Bus, Delivery, Depth, Failure, Queue
from ..database.base import Database, Transaction
from ..errors import NeurovaError
from ..events.codec import FindSchema, UndecodableEvent, decode_values
from ..events.values import replace_values
from ..execution.transaction import run_in_transaction

MAX_LISTED = 10_000
"""The maximum number of dead letters to read from a queue, the oldest first."""
TIMEOUT = 10.0  # seconds for one transaction in a service's database

Status = Literal["handled", "dead", "waiting"]
"""The state of a replayed event; "handled": its subscription's transaction has committed."""


class NotFound(NeurovaError):
    """The queue, dead letter or replay does not exist."""


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that a subscription could not handle.

    `time`: when it was published, `died`: when it failed for the last time, in Unix seconds.
    """

    id: str
    queue: str
    event: str
    time: float
    died: float
    trace_id: str
    attempts: int
    cause: str


class DeadLetterDetails(DeadLetter, frozen=True, kw_only=True):
    """A dead letter with its failures, the oldest first, and its decoded values.

    If it cannot be decoded, `values` is null and `fault` says why.
    """

    values: dict[str, Any] | None
    fault: str
    failures: tuple[Failure, ...]


class Cause(msgspec.Struct, frozen=True):
    """The number of dead letters with the same cause, and when the first and last one died.

    `example` is the id of the first.
    """

    cause: str
    count: int
    first: float
    last: float
    example: str


class DeadLetters:
    """Manage dead letters; `queues` returns the queues of all subscriptions."""

    def __init__(
        self,
        open_bus: Callable[[], Awaitable[Bus]],
        find_schema: FindSchema,
        database: Callable[[str], Database],
        queues: Callable[[], Sequence[Queue]],
    ) -> None:
        self._open_bus = open_bus
        self._find_schema = find_schema
        self._database = database
        self._queues = queues

    async def depths(self) -> list[tuple[Queue, Depth]]:
        """Return each queue with the numbers of its messages."""
        bus = await self._open_bus()
        return [(each, await bus.depth(each.name)) for each in self._queues()]

    async def search(self, queue: str, cause: str = "") -> list[DeadLetter]:
        """Return the dead letters whose last cause contains `cause`, the oldest first."""
        found = [_describe(each) for each in await self._read(queue)]
        return [each for each in found if cause in each.cause]

    async def causes(self, queue: str) -> list[Cause]:
        """Return the causes of a queue's dead letters, the most frequent first."""
        groups: dict[str, list[tuple[float, str]]] = {}
        for each in await self.search(queue):
            groups.setdefault(each.cause, []).append((each.died, each.id))
        found = []
        for cause, died in groups.items():
            first, example = min(died)
            found.append(Cause(cause, len(died), first, max(died)[0], example))
        return sorted(found, key=lambda each: (-each.count, each.cause))

    async def show(self, queue: str, id: str) -> DeadLetterDetails:
        """Return a dead letter with its values as JSON builtins. Raises NotFound."""
        delivery = await self._find(queue, id)
        values, fault = None, ""
        try:
            values = msgspec.to_builtins(decode_values(delivery.message.body, self._find_schema))
        except UndecodableEvent as error:
            fault = str(error)
        fields = msgspec.structs.asdict(_describe(delivery))
        return DeadLetterDetails(**fields, values=values, fault=fault, failures=delivery.failures)

    async def edit(self, queue: str, id: str, values: object) -> None:
        """Replace the values of a dead letter, which stays in the dead-letter queue.

        Raises NotFound; InvalidEvent if the values do not fit the schema with which the event was
        published; UndecodableEvent if that schema is unknown.
        """
        delivery = await self._find(queue, id)
        body = replace_values(delivery.message.body, values, self._find_schema)
        if not await (await self._open_bus()).replace(queue, id, body):
            raise _no_dead_letter(queue, id)

    async def replay(self, queue: str, ids: Sequence[str]) -> Sequence[str]:
        """Move dead letters back to their queue; return the ids of the moved letters."""
        self._check(queue)
        return await (await self._open_bus()).replay(queue, ids)

    async def drop(self, queue: str, ids: Sequence[str]) -> Sequence[str]:
        """Delete dead letters; return the ids of the deleted letters.

        In an ordered subscription, later events with the same key are then handled.
        """
        from ..outbox.parked import unpark_dead  # imports SQLAlchemy, which is slow

        dead = {each.message.id for each in await self._read(queue)}
        found = [id for id in ids if id in dead]

        async def unpark(tx: Transaction) -> None:
            for id in found:
                await unpark_dead(tx, queue, id)

        # Unpark before the deletion: a parked event without a dead letter would block its key.
        if self._check(queue).ordered and found:
            await self._transact(queue, unpark)
        return await (await self._open_bus()).drop(queue, found)

    async def statuses(self, queue: str, ids: Sequence[str]) -> dict[str, Status]:
        """Return the status of each replayed event."""
        from ..outbox.inbox import list_handled  # imports SQLAlchemy, which is slow

        async def read(tx: Transaction) -> set[str]:
            return await list_handled(tx, queue, ids)

        # Read the dead letters first: an event handled between both steps counts as handled.
        dead = {each.message.id for each in await self._read(queue)}
        handled = await self._transact(queue, read, readonly=True)
        return {
            id: "handled" if id in handled else "dead" if id in dead else "waiting" for id in ids
        }

    def _check(self, queue: str) -> Queue:
        """Return a queue. Raises NotFound."""
        queues = {each.name: each for each in self._queues()}
        if queue not in queues:
            names = ", ".join(sorted(queues)) or "none"
            raise NotFound(f"no subscription has the queue {queue!r}", fix=f"queues: {names}")
        return queues[queue]

    async def _read(self, queue: str) -> Sequence[Delivery]:
        self._check(queue)
        return await (await self._open_bus()).dead_letters(queue, MAX_LISTED)

    async def _find(self, queue: str, id: str) -> Delivery:
        for each in await self._read(queue):
            if each.message.id == id:
                return each
        raise _no_dead_letter(queue, id)

    async def _transact(
        self, queue: str, body: Callable[[Transaction], Awaitable[Any]], readonly: bool = False
    ) -> Any:
        """Run a transaction in the database of the service that owns a queue."""
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        database = self._database(queue.partition(".")[0])
        transaction = database.transaction(readonly=readonly, deadline=deadline)
        return await run_in_transaction(transaction, body)


def _no_dead_letter(queue: str, id: str) -> NotFound:
    return NotFound(
        f"{queue} has no dead letter {id!r}",
        fix="list its dead letters; a replayed one has left them",
    )


def _describe(delivery: Delivery) -> DeadLetter:
    message = delivery.message
    last = delivery.failures[-1] if delivery.failures else Failure(message.time, 0, "")
    return DeadLetter(
        message.id,
        delivery.queue,
        message.event,
        message.time,
        last.time,
        message.trace_id,
        delivery.attempt,
        last.cause,
    )
