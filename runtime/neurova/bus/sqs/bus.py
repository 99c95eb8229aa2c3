"""The bus on Amazon SNS and SQS: implements `Bus` with the AWS API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from ...errors import NeurovaError
from ..base import (
    LONGEST_RETRY,
    Delivery,
    Depth,
    Message,
    Queue,
    Receive,
    Unroutable,
    add_failure,
)
from .api import Api, until
from .consumer import SqsConsumer
from .declare import declare
from .deletions import Deletions
from .messages import Handle, Outgoing, decode, decode_dead, decode_record, encode
from .names import Location, Names, check_queues
from .publish import publish
from .queues import Queues

LOGGER = logging.getLogger("neurova.events")

TIMEOUT = 30.0  # seconds for a method without a deadline
WAIT_SECONDS = 2  # duration of a long poll; kept short, because `stop` waits for the poll
HELD_SECONDS = 60  # visibility timeout: after a crash, a message is delivered again
BROWSE_SECONDS = 120  # visibility timeout of dead letters while a process reads them
MAX_DEAD_LETTERS = 10_000


class SqsBus:
    """Use the topics and queues at `location`; `clock` returns Unix seconds.

    A poll waits up to `wait` whole seconds for messages. The bus extends the visibility timeout of
    each unfinished delivery until it ends.
    """

    system = "aws_sqs"

    def __init__(
        self, location: Location, clock: Callable[[], float] = time.time, wait: int = WAIT_SECONDS
    ) -> None:
        self.clock = clock
        self.names = Names(location.region, "", location.prefix)
        self.unfinished: dict[Handle, SqsConsumer] = {}
        self._wait = wait
        self._api = Api(location.region)
        self._consumers: list[SqsConsumer] = []
        self._queues = Queues(self._api)
        self._deletions = Deletions(self._queues)
        self._browsing = asyncio.Lock()
        self._extending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look up the AWS account of the credentials. Raises NeurovaError if that fails."""
        async with until(_deadline()):
            arn = await self._api.call(lambda: self._api.client("sts").get_caller_identity()["Arn"])
        _, partition, _, _, account, _ = arn.split(":", 5)
        self.names = self.names._replace(account=account, partition=partition)

    async def close(self) -> None:
        """Stop consuming and return unfinished messages to their queues."""
        await asyncio.gather(*(each.stop() for each in self._consumers))
        if self._extending is not None:
            self._extending.cancel()
        with suppress(NeurovaError):  # SQS delivers the messages again later
            await self._queues.hide(self.unfinished, 0)
        self.unfinished.clear()
        self._api.close()

    async def declare(self, queues: Sequence[Queue], deadline: float) -> None:
        """Create topics, queues and dead-letter queues; see `Bus`."""
        check_queues(self.names, queues)
        async with until(deadline):
            await self._api.call(declare, self._api, self.names, queues)

    async def find_missing(self, queues: Sequence[Queue]) -> list[str]:
        """Return the names of the queues that do not exist."""
        check_queues(self.names, queues)
        names = [
            each
            for one in queues
            for each in (self.names.queue(one.name), self.names.dead(one.name))
        ]
        return [each for each in names if not await self._queues.exists(each)]

    async def publish(self, messages: Sequence[Message], deadline: float) -> None:
        """Publish messages; see `Bus`. SNS and SQS do not preserve the order."""
        async with until(deadline):
            unroutable = await publish(self._api, self.names, messages)
        if unroutable:
            raise Unroutable(sorted(unroutable))

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> SqsConsumer:
        """Deliver messages of a queue; see `Bus`."""
        await self._queues.url(self.names.queue(queue))
        consumer = SqsConsumer(self, queue, prefetch, receive)
        self._consumers.append(consumer)
        if self._extending is None:
            self._extending = asyncio.create_task(self._extend())
        return consumer

    async def receive(self, queue: str, limit: int) -> list[Delivery]:
        """Wait for messages; return at most `limit`, and delay messages that are not due yet."""
        url = await self._queues.url(self.names.queue(queue))
        received = await self._queues.receive(url, limit, hidden=HELD_SECONDS, wait=self._wait)
        found = [decode(queue, url, each) for each in received]
        return [each for each in found if not await self.delay(each)]

    async def decode_record(self, queue: str, record: Any) -> Delivery:
        """Return the delivery for a record of an AWS Lambda event."""
        return decode_record(queue, await self._queues.url(self.names.queue(queue)), record)

    async def delay(self, delivery: Delivery) -> bool:
        """Hide a message that is not due yet until it is due; return whether it was hidden."""
        remaining = delivery.handle.due - self.clock()
        if remaining <= 0:
            return False
        await self._queues.hide([delivery.handle], int(min(remaining, LONGEST_RETRY)) + 1)
        return True

    async def ack(self, delivery: Delivery) -> None:
        """Remove a handled message."""
        if not delivery.handle.is_deleted_by_caller:
            await self._deletions.delete(delivery.handle)
        self._end(delivery.handle)

    async def retry(self, delivery: Delivery, delay: float, cause: str) -> None:
        """Send a copy of the message with a delay, and remove the delivered one."""
        now = self.clock()
        failures = add_failure(delivery, now, cause)
        due = now + min(delay, LONGEST_RETRY)
        outgoing = encode(delivery.message, delivery.attempt + 1, failures, due=due, now=now)
        await self._move(delivery, self.names.queue(delivery.queue), outgoing)

    async def dead_letter(self, delivery: Delivery, cause: str) -> None:
        """Move the message to the dead-letter queue."""
        failures = add_failure(delivery, self.clock(), cause)
        outgoing = encode(delivery.message, delivery.attempt, failures, is_dead=True)
        await self._move(delivery, self.names.dead(delivery.queue), outgoing)

    async def release(self, delivery: Delivery) -> None:
        """Return the message to its queue."""
        await self._queues.hide([delivery.handle], 0)
        self._end(delivery.handle)

    async def depth(self, queue: str) -> Depth:
        """Count the messages of a queue; SQS reports approximate numbers."""
        ready, hidden, delayed = await self._queues.count(self.names.queue(queue))
        dead, browsed, _ = await self._queues.count(self.names.dead(queue))
        return Depth(ready, hidden, delayed, dead + browsed)

    async def dead_letters(self, queue: str, limit: int) -> list[Delivery]:
        """Return the oldest dead letters of a queue."""
        async with self._hold(queue, limit) as found:
            return [Delivery(each.message, queue, each.attempt, each.failures) for each in found]

    async def replay(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Move dead letters back to their queue."""
        async with self._hold(queue) as found:
            latest = {each.message.id: each for each in found if each.message.id in ids}
            outgoing = [encode(each.message, 1, each.failures) for each in latest.values()]
            await self._queues.send(self.names.queue(queue), outgoing)
            return await self._remove(found, latest)

    async def replace(self, queue: str, id: str, body: bytes) -> bool:
        """Replace the body of a dead letter by sending a new message."""
        async with self._hold(queue) as found:
            same = [each for each in found if each.message.id == id]
            if not same:
                return False
            message = msgspec.structs.replace(same[-1].message, body=body)
            outgoing = encode(message, same[-1].attempt, same[-1].failures, is_dead=True)
            await self._queues.send(self.names.dead(queue), [outgoing])
            await self._remove(found, [id])
        return True

    async def drop(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Delete dead letters."""
        async with self._hold(queue) as found:
            return await self._remove(found, ids)

    async def _move(self, delivery: Delivery, name: str, outgoing: Outgoing) -> None:
        """Send the message to another queue, then remove the delivered one."""
        await self._queues.send(name, [outgoing])
        if delivery.handle is not None:
            await self._deletions.delete(delivery.handle)
            self._end(delivery.handle)

    def _end(self, handle: Handle) -> None:
        consumer = self.unfinished.pop(handle, None)
        if consumer is not None:
            consumer.count_ended()

    async def _extend(self) -> None:
        """Keep unfinished deliveries hidden."""
        while True:
            await asyncio.sleep(HELD_SECONDS / 3)
            try:
                await self._queues.hide(list(self.unfinished), HELD_SECONDS)
            except NeurovaError as error:
                LOGGER.warning("Unfinished events may be delivered again: %s", error)

    @asynccontextmanager
    async def _hold(
        self, queue: str, limit: int = MAX_DEAD_LETTERS
    ) -> AsyncIterator[list[Delivery]]:
        """Hold the oldest dead letters of a queue; at the end, unhide the remaining letters."""
        async with self._browsing:
            held: list[Delivery] = []
            try:
                while len(held) < limit:
                    polling = asyncio.ensure_future(self._poll_dead(queue, limit - len(held)))
                    try:
                        found = await asyncio.shield(polling)
                    except asyncio.CancelledError:
                        held += await polling  # SQS may have hidden messages already
                        raise
                    if not found:
                        break
                    held += found
                held.sort(key=_died)
                yield held
            finally:
                await self._queues.hide([each.handle for each in held], 0)

    async def _poll_dead(self, queue: str, limit: int) -> list[Delivery]:
        url = await self._queues.url(self.names.dead(queue))
        received = await self._queues.receive(url, limit, hidden=BROWSE_SECONDS, wait=1)
        return [decode_dead(queue, url, each) for each in received]

    async def _remove(self, held: list[Delivery], ids: Iterable[str]) -> list[str]:
        """Delete the held dead letters with these event ids; return the ids found."""
        wanted = list(dict.fromkeys(ids))
        removed = [each for each in held if each.message.id in wanted]
        await self._queues.delete([each.handle for each in removed])
        for each in removed:
            held.remove(each)
        gone = {each.message.id for each in removed}
        return [id for id in wanted if id in gone]


def _died(delivery: Delivery) -> float:
    """Return when a dead letter failed for the last time."""
    return delivery.failures[-1].time if delivery.failures else 0.0


def _deadline() -> float:
    return asyncio.get_running_loop().time() + TIMEOUT
