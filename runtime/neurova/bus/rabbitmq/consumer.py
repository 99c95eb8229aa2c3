"""Consume one queue; resume after the connection is lost or the queue is deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, NamedTuple, Protocol

from pika import BasicProperties, spec

from ...errors import NeurovaError, Unavailable
from ..base import Receive
from .connection import CLOSE_TIMEOUT, Channel, Connection, until
from .link import pause
from .properties import decode

LOGGER = logging.getLogger("neurova.events")
MAX_PREFETCH = 65_535


class ConnectionKeeper(Protocol):
    """The part of the bus that a consumer uses."""

    consumers: set[RabbitConsumer]

    async def connection(self) -> Connection:
        """Wait for an open connection and return it."""
        ...

    async def declare_again(self, queue: str) -> None:
        """Recreate a queue if it has been deleted."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background until the bus is closed."""
        ...


class Handle(NamedTuple):
    """The identity of a delivery, which can be ended while its channel is open."""

    consumer: RabbitConsumer
    channel: Channel
    tag: int


class RabbitConsumer:
    """Deliver messages of a queue; `is_ordered`: the queue has one consumer at a time."""

    def __init__(
        self, bus: ConnectionKeeper, queue: str, prefetch: int, receive: Receive, is_ordered: bool
    ) -> None:
        self.queue = queue
        self._bus = bus
        self._prefetch = min(prefetch, MAX_PREFETCH)
        self._receive = receive
        self._is_ordered = is_ordered
        self._channel: Channel | None = None
        self._unfinished: dict[int, None] = {}  # delivery tags in ascending order
        self._acked: list[int] = []
        self._is_stopped = False
        self._cancelled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to consume; resume automatically after losing the connection or the queue."""
        channel = await self._consume(await self._bus.connection())
        self._task = asyncio.create_task(self._keep_consuming(channel))

    async def stop(self) -> None:
        """Receive no more deliveries; deliveries already received can still be ended."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()
        channel = self._channel
        # Do not cancel the consumer of an ordered queue: the next consumer must not start before
        # the last delivery has ended.
        if channel is not None and channel.is_open and not self._is_ordered:
            try:
                async with until(asyncio.get_running_loop().time() + CLOSE_TIMEOUT):
                    await channel.call(channel.raw.basic_cancel, consumer_tag=self.queue)
            except NeurovaError:
                self._unfinished.clear()  # RabbitMQ delivers the messages again
        await self._close_if_finished()

    def end(self, handle: Handle, is_handled: bool) -> None:
        """Acknowledge a handled message; return any other message to its queue."""
        if not handle.channel.is_open:
            return  # RabbitMQ delivers the message again
        self._unfinished.pop(handle.tag, None)
        if is_handled:
            if not self._acked:
                asyncio.get_running_loop().call_soon(self._write_acks, handle.channel)
            self._acked.append(handle.tag)
        else:
            handle.channel.raw.basic_nack(handle.tag, requeue=True)
        if self._is_stopped and not self._unfinished:
            self._bus.spawn(self._close_if_finished())

    def _write_acks(self, channel: Channel) -> None:
        """Write the acks of one event-loop iteration, with one `multiple` ack if possible."""
        acked, self._acked = self._acked, []
        if not acked or channel is not self._channel or not channel.is_open:
            return  # RabbitMQ delivers the messages again
        first_left = next(iter(self._unfinished), max(acked) + 1)
        oldest = [tag for tag in acked if tag < first_left]
        if oldest:
            channel.raw.basic_ack(max(oldest), multiple=True)
        for tag in acked:
            if tag > first_left:
                channel.raw.basic_ack(tag)

    async def _close_if_finished(self) -> None:
        if self._channel is not None:
            self._write_acks(self._channel)
        if self._channel is not None and not (self._unfinished and self._channel.is_open):
            self._bus.consumers.discard(self)
            await self._channel.close()

    async def _keep_consuming(self, channel: Channel) -> None:
        failures = 0
        while True:
            await channel.wait(self._cancelled)
            while not channel.is_open or self._cancelled.is_set():
                await asyncio.sleep(pause(failures))
                try:
                    connection = await self._bus.connection()
                    await channel.close()
                    await self._bus.declare_again(self.queue)
                    channel = await self._consume(connection)
                    failures = 0
                    LOGGER.warning("Queue %s is consumed again", self.queue)
                except NeurovaError as error:
                    failures += 1
                    if failures % 100 == 1 and not isinstance(error, Unavailable):
                        LOGGER.error("Queue %s cannot be consumed: %s", self.queue, error)

    async def _consume(self, connection: Connection) -> Channel:
        channel = await connection.channel()
        self._cancelled.clear()
        self._unfinished, self._acked = {}, []
        self._channel = channel
        channel.raw.add_on_cancel_callback(lambda _: self._cancelled.set())
        await channel.call(channel.raw.basic_qos, prefetch_count=self._prefetch)

        def receive(
            _: Any, method: spec.Basic.Deliver, properties: BasicProperties, body: bytes
        ) -> None:
            self._on_message(channel, method, properties, body)

        await channel.call(
            channel.raw.basic_consume,
            queue=self.queue,
            on_message_callback=receive,
            consumer_tag=self.queue,
        )
        return channel

    def _on_message(
        self,
        channel: Channel,
        method: spec.Basic.Deliver,
        properties: BasicProperties,
        body: bytes,
    ) -> None:
        assert method.delivery_tag is not None
        if self._is_stopped:
            if not self._is_ordered:
                channel.raw.basic_nack(method.delivery_tag, requeue=True)
            return  # closing the channel returns the message of an ordered queue
        self._unfinished[method.delivery_tag] = None
        delivery = decode(self.queue, method.routing_key or "", properties, body)
        delivery.handle = Handle(self, channel, method.delivery_tag)
        self._receive(delivery)
