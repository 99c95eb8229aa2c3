"""The bus on RabbitMQ: implements `Bus` with two connections per process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ...errors import StateError, Unavailable
from ..base import (
    Delivery,
    Depth,
    Message,
    Queue,
    Receive,
    Unroutable,
    add_failure,
    dead_letter_queue,
)
from .connection import BrokerRefusal, Connection, until
from .consumer import RabbitConsumer
from .dead_letters import MAX_DEAD_LETTERS, DeadLetters, hold
from .declare import Difference, compare, count_messages, declare
from .link import Link
from .properties import encode
from .publisher import Outgoing, Publisher
from .topology import EVENTS, retry_exchange, shared_topology, topology_of

LOGGER = logging.getLogger("neurova.events")

TIMEOUT = 30.0  # seconds for a method without a deadline


class RabbitBus:
    """Use the broker at `url`; `clock` returns Unix seconds.

    After a connection is lost, the bus reconnects with exponential backoff; meanwhile methods wait
    until their deadline. RabbitMQ redelivers unacknowledged messages of a lost connection, so `ack`
    or `retry` of their earlier deliveries does nothing.
    """

    system = "rabbitmq"

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.consumers: set[RabbitConsumer] = set()
        self.queues: dict[str, Queue] = {}
        # Publish on a connection of its own: while RabbitMQ's disk is full, it stops reading from
        # each connection that publishes.
        self._link = Link(url, "RabbitMQ (consuming)")
        self._publishing = Link(url, "RabbitMQ (publishing)")
        self._publisher: Publisher | None = None
        self._opening = asyncio.Lock()
        # Serializes changes of dead letters: all tasks share the RabbitMQ lock of the connection.
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect. Raises Unavailable or StateError if connecting fails."""
        await self._link.open()
        try:
            await self._publishing.open()
        except BaseException:
            await self._link.close()
            raise

    async def close(self) -> None:
        """Disconnect; RabbitMQ returns unfinished messages to their queues."""
        for consumer in list(self.consumers):
            await consumer.stop()
        for task in list(self._tasks):
            task.cancel()
        await self._publishing.close()
        await self._link.close()

    async def connection(self) -> Connection:
        """Wait for the open connection for consuming, and return it."""
        return await self._link.connection()

    async def declare(self, queues: Sequence[Queue], deadline: float) -> None:
        """Create the queues and bind them to their events; see `Bus`."""
        async with self._within(deadline):
            connection = await self.connection()
            await declare(connection, shared_topology() + topology_of(queues))
        self.queues.update((queue.name, queue) for queue in queues)

    async def declare_again(self, queue: str) -> None:
        """Recreate a queue if it has been deleted."""
        if queue in self.queues:
            async with self._within(_deadline()):
                await declare(await self.connection(), topology_of([self.queues[queue]]))

    async def compare(self, queues: Sequence[Queue]) -> list[Difference]:
        """Return the differences between the broker and the topology that `declare` creates."""
        async with self._within(_deadline()):
            return await compare(await self.connection(), shared_topology() + topology_of(queues))

    async def publish(self, messages: Sequence[Message], deadline: float) -> None:
        """Publish messages; see `Bus`."""
        outgoing = [Outgoing(EVENTS, each.event, encode(each), each.body) for each in messages]
        returned = await self._send(outgoing, deadline)
        if returned:
            raise Unroutable(sorted({messages[index].event for index in returned}))

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> RabbitConsumer:
        """Deliver messages of a queue; see `Bus`."""
        is_ordered = queue in self.queues and self.queues[queue].ordered
        consumer = RabbitConsumer(self, queue, prefetch, receive, is_ordered)
        async with self._within(_deadline()):
            await consumer.start()
        self.consumers.add(consumer)
        return consumer

    async def ack(self, delivery: Delivery) -> None:
        """Remove a handled message."""
        delivery.handle.consumer.end(delivery.handle, is_handled=True)

    async def retry(self, delivery: Delivery, delay: float, cause: str) -> None:
        """Deliver the message again after the delay of the shortest sufficient retry level."""
        failures = add_failure(delivery, self.clock(), cause)
        await self._move(delivery, retry_exchange(delay), delivery.queue, 1, failures)

    async def dead_letter(self, delivery: Delivery, cause: str) -> None:
        """Move the message to the dead-letter queue."""
        failures = add_failure(delivery, self.clock(), cause)
        await self._move(delivery, "", dead_letter_queue(delivery.queue), 0, failures)

    async def release(self, delivery: Delivery) -> None:
        """Return the message to its queue."""
        delivery.handle.consumer.end(delivery.handle, is_handled=False)

    async def depth(self, queue: str) -> Depth:
        """Count the ready and dead messages; AMQP does not report delivered and delayed ones."""
        async with self._within(_deadline()):
            connection = await self.connection()
            ready = await count_messages(connection, queue)
            dead = await count_messages(connection, dead_letter_queue(queue))
        return Depth(ready, -1, -1, dead)

    async def dead_letters(self, queue: str, limit: int) -> list[Delivery]:
        """Return the oldest dead letters of a queue."""
        async with self._hold(queue, limit) as letters:
            for each in letters.found:
                each.handle = None  # it is invalid after the message returns to its queue
            return letters.found

    async def replay(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Move dead letters back to their queue."""
        async with self._hold(queue) as letters:
            moved = [id for id in dict.fromkeys(ids) if letters.of(id)]
            latest = [letters.of(id)[-1] for id in moved]
            await self._send_to_queue(
                Outgoing("", queue, encode(each.message, 1, each.failures), each.message.body)
                for each in latest
            )
            letters.remove(*moved)
        return moved

    async def replace(self, queue: str, id: str, body: bytes) -> bool:
        """Replace the body of a dead letter, which moves to the end of its queue."""
        async with self._hold(queue) as letters:
            found = letters.of(id)
            if found:
                properties = encode(found[-1].message, found[-1].attempt, found[-1].failures)
                dead = dead_letter_queue(queue)
                await self._send_to_queue([Outgoing("", dead, properties, body)])
                letters.remove(id)
        return bool(found)

    async def drop(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Delete dead letters."""
        async with self._hold(queue) as letters:
            dropped = [id for id in dict.fromkeys(ids) if letters.of(id)]
            letters.remove(*dropped)
        return dropped

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background until the bus is closed."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, messages: Sequence[Outgoing], deadline: float) -> list[int]:
        """Publish messages; return the positions of the messages that have no queue."""
        async with self._within(deadline):
            publisher = self._publisher
            if publisher is None or not publisher.channel.is_open:
                publisher = await self._open_publisher()
            return await publisher.publish(messages)

    async def _open_publisher(self) -> Publisher:
        connection = await self._publishing.connection()
        async with self._opening:
            if self._publisher is None or not self._publisher.channel.is_open:
                self._publisher = await Publisher.open(connection)
            return self._publisher

    async def _move(
        self, delivery: Delivery, exchange: str, key: str, attempts: int, failures: Any
    ) -> None:
        """Publish the message to another queue, then remove it; if that fails, release it."""
        handle = delivery.handle
        if handle is not None and not handle.channel.is_open:
            return  # RabbitMQ delivers the message again
        properties = encode(delivery.message, delivery.attempt + attempts, failures)
        try:
            await self._send_to_queue([Outgoing(exchange, key, properties, delivery.message.body)])
        except BaseException:
            if handle is not None:
                handle.consumer.end(handle, is_handled=False)
            raise
        if handle is not None:
            handle.consumer.end(handle, is_handled=True)

    async def _send_to_queue(self, messages: Iterable[Outgoing]) -> None:
        """Publish messages; if their exchange or queue was deleted, recreate it first."""
        messages = list(messages)
        try:
            if not await self._send(messages, _deadline()):
                return
        except BrokerRefusal as error:
            if error.code != 404:
                raise
        await self.declare(list(self.queues.values()), _deadline())
        if await self._send(messages, _deadline()):
            where = f"RabbitMQ queue {messages[0].key}"
            raise StateError("it does not exist", where=where, fix="run `neurova bus apply`")

    @asynccontextmanager
    async def _hold(self, queue: str, limit: int = MAX_DEAD_LETTERS) -> AsyncIterator[DeadLetters]:
        async with (
            self._within(_deadline()),
            self._changing,
            hold(await self.connection(), queue, limit) as letters,
        ):
            yield letters

    @asynccontextmanager
    async def _within(self, deadline: float) -> AsyncIterator[None]:
        """Raise Unavailable at the deadline, with the connection's fault if it is lost."""
        try:
            async with until(deadline):
                yield
        except Unavailable as error:
            fault = self._link.fault or self._publishing.fault
            if fault is None:
                raise
            raise Unavailable(fault.what, where=fault.where, fix=error.fix) from error


def _deadline() -> float:
    return asyncio.get_running_loop().time() + TIMEOUT
