"""The backends of the bus contract."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pika
import pytest

from neurova.bus.base import Bus, Consumer, Delivery, Message, Queue, dead_letter_queue
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.bus.sqlite.bus import SqliteBus
from neurova.bus.sqs.bus import SqsBus
from neurova.bus.sqs.names import Location

OpenBus = Callable[[], Bus]


def on_sqlite(request: pytest.FixtureRequest) -> OpenBus:
    path: Path = request.getfixturevalue("tmp_path") / "bus.db"
    return lambda: SqliteBus(path)


def on_rabbitmq(request: pytest.FixtureRequest) -> OpenBus:
    url = request.getfixturevalue("rabbitmq_url")
    opened: list[RabbitBus] = []

    def open_bus() -> Bus:
        opened.append(RabbitBus(url))
        return opened[-1]

    request.addfinalizer(
        lambda: delete_queues(url, *{name for bus in opened for name in bus.queues})
    )
    return open_bus


def on_sqs(request: pytest.FixtureRequest) -> OpenBus:
    request.getfixturevalue("aws")
    location = Location("eu-central-1", f"t{secrets.token_hex(6)}")
    return lambda: SqsBus(location, wait=1)


BACKENDS: dict[str, Callable[[pytest.FixtureRequest], OpenBus]] = {
    "sqlite": on_sqlite,
    "rabbitmq": on_rabbitmq,
    "sqs": on_sqs,
}
PARAMETERS: list[Any] = [
    pytest.param("sqlite"),
    pytest.param("rabbitmq", marks=pytest.mark.server),
    pytest.param("sqs", marks=pytest.mark.server),
]
UNSUPPORTED = {"sqs": {"order": "SNS and SQS deliver in any order, `ordered` is refused"}}
"""The capabilities that a backend does not have, and why."""


def need(request: pytest.FixtureRequest, capability: str) -> None:
    """Skip a test if its backend lacks the capability."""
    backend = request.node.callspec.params["open_bus"]
    reason = UNSUPPORTED.get(backend, {}).get(capability)
    if reason is not None:
        pytest.skip(f"{backend}: {reason}")


def delete_queues(url: str, *names: str) -> None:
    """Delete queues and their dead-letter queues, but not what all subscriptions share."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        for name in names:
            connection.channel().queue_delete(name)
            connection.channel().queue_delete(dead_letter_queue(name))


class Inbox:
    """Collect the deliveries of one consumer."""

    def __init__(self) -> None:
        self.received: list[Delivery] = []
        self._arrived = asyncio.Condition()
        self.consumer: Consumer | None = None

    def __call__(self, delivery: Delivery) -> None:
        self.received.append(delivery)
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, self._notify())

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def take(self, number: int = 1) -> list[Delivery]:
        """Wait for deliveries and remove them from the list."""
        async with asyncio.timeout(20), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= number)
        taken, self.received = self.received[:number], self.received[number:]
        return taken


def deadline(seconds: float = 10) -> float:
    return asyncio.get_running_loop().time() + seconds


def message(id: str, event: str = "booking.Created", body: bytes = b"body") -> Message:
    return Message(id, event, body, 1.5, "2a")


async def publish(bus: Bus, ids: Iterable[str], event: str = "booking.Created") -> None:
    await bus.publish([message(id, event) for id in ids], deadline())


async def declare(bus: Bus, *queues: Queue) -> None:
    await bus.declare(queues or (MAIL,), deadline())


async def consume(bus: Bus, queue: str = "crm.mail", prefetch: int = 10) -> Inbox:
    inbox = Inbox()
    inbox.consumer = await bus.consume(queue, prefetch, inbox)
    return inbox


async def eventually(check: Callable[[], Awaitable[object]]) -> None:
    """Poll an async check until it returns a true value."""
    async with asyncio.timeout(20):
        while not await check():
            await asyncio.sleep(0.02)


MAIL = Queue("crm.mail", ("booking.Created",))
STAYS = Queue("crm.stays", ("booking.Created", "booking.Cancelled"))
ORDERED = Queue("crm.ordered", ("booking.Created",), ordered=True)
