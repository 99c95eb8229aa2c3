"""Read dead-letter queues and change single messages in them.

RabbitMQ cannot look up a message. So receive all messages, acknowledge the ones to remove, and
return the others to the queue. A lock keeps two processes from doing so at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pika import BasicProperties, exceptions, spec

from ..base import Delivery, dead_letter_queue
from .connection import BrokerRefusal, Channel, Connection
from .declare import count_messages
from .properties import decode

MAX_DEAD_LETTERS = 60_000
"""The maximum number of dead letters to read: AMQP's prefetch count has 16 bits."""
POLL_SECONDS = 0.05
RETURN_TIMEOUT = 5.0  # seconds


class DeadLetters:
    """The oldest messages of a dead-letter queue, while this process holds them.

    At the end, the messages with tags in `removed` are acknowledged; the others return to the
    queue in order.
    """

    def __init__(self, found: list[Delivery]) -> None:
        self.found = found
        self.removed: set[int] = set()
        self._by_id: dict[str, list[Delivery]] = {}
        for each in found:
            self._by_id.setdefault(each.message.id, []).append(each)

    def of(self, id: str) -> list[Delivery]:
        """Return the dead letters with this event id; a failed replay adds another one."""
        return self._by_id.get(id, [])

    def remove(self, *ids: str) -> None:
        """Mark the dead letters with these event ids to be acknowledged at the end."""
        self.removed.update(each.handle for id in ids for each in self.of(id))


@asynccontextmanager
async def hold(connection: Connection, queue: str, limit: int) -> AsyncIterator[DeadLetters]:
    """Hold the oldest dead letters of a queue, at most `limit`."""
    dead = dead_letter_queue(queue)
    async with _lock(connection, dead):
        number = min(limit, MAX_DEAD_LETTERS, await count_messages(connection, dead))
        if number == 0:
            yield DeadLetters([])
            return
        channel = await connection.channel()
        try:
            letters = DeadLetters(await _receive(channel, queue, number))
            try:
                yield letters
            finally:
                if channel.is_open:
                    for tag in sorted(letters.removed):
                        channel.raw.basic_ack(tag)
                    if len(letters.removed) < number:
                        channel.raw.basic_nack(0, multiple=True, requeue=True)
            await _wait_for_messages(connection, dead, number - len(letters.removed))
        finally:
            await channel.close()


async def _receive(channel: Channel, queue: str, number: int) -> list[Delivery]:
    found: list[Delivery] = []
    is_complete = asyncio.Event()

    def receive(
        _: Any, method: spec.Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        delivery = decode(queue, method.routing_key or "", properties, body)
        delivery.handle = method.delivery_tag
        found.append(delivery)
        if len(found) >= number:
            is_complete.set()

    await channel.call(channel.raw.basic_qos, prefetch_count=number)
    tag = "neurova-dead-letters"
    await channel.call(
        channel.raw.basic_consume,
        queue=dead_letter_queue(queue),
        on_message_callback=receive,
        consumer_tag=tag,
    )
    await channel.wait(is_complete)
    # Cancel now: otherwise RabbitMQ would redeliver the messages returned to the queue.
    await channel.call(channel.raw.basic_cancel, consumer_tag=tag)
    return found


async def _wait_for_messages(connection: Connection, dead: str, number: int) -> None:
    """Wait until the messages are back in the queue, so that the next reader finds them."""
    try:
        async with asyncio.timeout(RETURN_TIMEOUT):
            while await count_messages(connection, dead) < number:  # noqa: ASYNC110 - no event
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return  # another process may have removed messages


@asynccontextmanager
async def _lock(connection: Connection, dead: str) -> AsyncIterator[None]:
    """Use an exclusive queue as a lock: RabbitMQ deletes it when the connection is lost."""
    name = f"{dead}.lock"
    while True:
        channel = await connection.channel()
        try:
            await channel.call(channel.raw.queue_declare, queue=name, exclusive=True)
            break
        except BrokerRefusal as error:
            if error.code != 405:
                raise
            await asyncio.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        if channel.is_open:
            try:
                await channel.call(channel.raw.queue_delete, queue=name)
                await channel.close()
            except exceptions.AMQPError:
                pass
