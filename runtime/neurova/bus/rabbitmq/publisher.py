"""Publish many messages at once on one channel, and wait until RabbitMQ confirms them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from pika import BasicProperties, exceptions, spec

from ...errors import Unavailable
from .connection import Channel, Connection, translate
from .topology import EVENTS

MAX_UNCONFIRMED = 2_000
"""The maximum number of unconfirmed messages, which bounds memory; more messages wait."""


class Outgoing(NamedTuple):
    """A message to publish to an exchange."""

    exchange: str
    key: str
    properties: BasicProperties
    body: bytes


class _Batch:
    """The unconfirmed messages of one `publish` call."""

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self.messages = messages
        self.returned: set[tuple[str, str, str]] = set()
        self.unconfirmed = len(messages)
        self.is_refused = False
        self.is_done = asyncio.Event()

    def contains(self, key: tuple[str, str, str]) -> bool:
        """Return whether a message returned by RabbitMQ belongs to this call."""
        return any(_key(each) == key for each in self.messages)

    def confirm(self) -> None:
        """Count one message as confirmed or refused."""
        self.unconfirmed -= 1
        if self.unconfirmed == 0:
            self.is_done.set()


class Publisher:
    """Publish on a channel with publisher confirms."""

    def __init__(self, connection: Connection, channel: Channel) -> None:
        self.channel = channel
        self._connection = connection
        self._last = 0
        self._unconfirmed: dict[int, _Batch] = {}
        self._has_room = asyncio.Event()
        self._has_room.set()

    @classmethod
    async def open(cls, connection: Connection) -> Publisher:
        """Open a publisher, and create the exchange for events."""
        publisher = cls(connection, await connection.channel())
        channel = publisher.channel
        declare = channel.raw.exchange_declare
        await channel.call(declare, exchange=EVENTS, exchange_type="topic", durable=True)
        await channel.call(
            channel.raw.confirm_delivery, ack_nack_callback=publisher._on_confirmation
        )
        channel.raw.add_on_return_callback(publisher._on_return)
        return publisher

    async def publish(self, messages: Sequence[Outgoing]) -> list[int]:
        """Publish messages in order; return the positions of the messages that have no queue.

        Raises Unavailable or BrokerRefusal if some are not confirmed.
        """
        if not messages:
            return []
        batch = _Batch(messages)
        for message in messages:
            if len(self._unconfirmed) >= MAX_UNCONFIRMED or not self._connection.unblocked.is_set():
                await self._wait_for_room()
            self._send(message, batch)
        await self.channel.wait(batch.is_done)
        if not batch.is_done.is_set():
            raise self.channel.closed.result()
        if batch.is_refused:
            raise Unavailable("RabbitMQ does not take a message", fix="see its log, retry later")
        if not batch.returned:
            return []
        return [index for index, each in enumerate(messages) if _key(each) in batch.returned]

    def _send(self, message: Outgoing, batch: _Batch) -> None:
        exchange, key, properties, body = message
        try:
            self.channel.raw.basic_publish(exchange, key, body, properties, mandatory=True)
        except exceptions.AMQPError as error:
            raise self.channel.error() or translate(error) from error
        self._last += 1
        self._unconfirmed[self._last] = batch

    async def _wait_for_room(self) -> None:
        """Wait until RabbitMQ accepts messages and has confirmed enough of the earlier ones."""
        while not self.channel.closed.done():
            event = self._connection.unblocked
            if event.is_set():
                if len(self._unconfirmed) < MAX_UNCONFIRMED:
                    return
                event = self._has_room
                event.clear()
            await self.channel.wait(event)

    def _on_confirmation(self, frame: Any) -> None:
        method = frame.method
        tag, unconfirmed = method.delivery_tag, self._unconfirmed
        tags = [tag]
        if method.multiple:  # confirms this tag and lower ones; the tags are in ascending order
            tags = []
            for each in unconfirmed:
                if each > tag:
                    break
                tags.append(each)
        is_refused = isinstance(method, spec.Basic.Nack)
        for each in tags:
            batch = unconfirmed.pop(each)
            batch.is_refused |= is_refused
            batch.confirm()
        self._has_room.set()

    def _on_return(
        self, _: object, method: spec.Basic.Return, properties: BasicProperties, __: bytes
    ) -> None:
        key = (method.exchange or "", method.routing_key or "", properties.message_id or "")
        for batch in dict.fromkeys(self._unconfirmed.values()):
            if batch.contains(key):
                batch.returned.add(key)


def _key(message: Outgoing) -> tuple[str, str, str]:
    return message.exchange, message.key, message.properties.message_id or ""
