"""When the network to RabbitMQ fails, a publish ends by its deadline; the outbox drains later.

`make faults` runs the long form.
"""

from __future__ import annotations

import asyncio
import os
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contracts.buses import deadline, delete_queues, message
from tests.servers.toxiproxy import Proxy, Toxiproxy
from tests.subscribing import Shop, Sold

from neurova.bus.base import Delivery, Message, Queue
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.database.event_tables import outbox
from neurova.errors import NeurovaError, Unavailable
from neurova.outbox import relay
from neurova.outbox.relay import BATCH, Relay

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
EVENTS = 50_000 if LONG else 3_000
DEADLINE = 2.0
MARGIN = 3.0  # seconds that a busy machine may add
MOST_MEMORY = 16_000_000  # bytes; 50,000 events in memory would take several times as much
NETWORK = Queue("network.mail", ("booking.Created", "shop.Sold"))

TOXICS = [
    pytest.param("latency", "upstream", {"latency": 200}, True, id="late"),
    pytest.param("latency", "downstream", {"latency": 8_000}, False, id="too-late"),
    pytest.param("timeout", "upstream", {"timeout": 0}, False, id="nothing-arrives"),
    pytest.param("timeout", "downstream", {"timeout": 0}, False, id="no-answer"),
    pytest.param("timeout", "upstream", {"timeout": 300}, False, id="closed"),
    pytest.param("reset_peer", "upstream", {"timeout": 0}, False, id="reset"),
    pytest.param("reset_peer", "downstream", {"timeout": 300}, False, id="reset-by-server"),
    pytest.param("bandwidth", "upstream", {"rate": 1}, False, id="slow"),
    pytest.param("bandwidth", "downstream", {"rate": 1}, None, id="slow-answers"),
]


class Received:
    """Count the messages in the queue over a connection that bypasses the faults."""

    def __init__(self, bus: RabbitBus) -> None:
        self.counts: Counter[str] = Counter()
        self._bus = bus

    def __call__(self, delivery: Delivery) -> None:
        self.counts[delivery.message.id] += 1
        self._bus.spawn(self._bus.ack(delivery))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RabbitBus]:
    bus = RabbitBus(url)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def receiving(url: str) -> AsyncIterator[Received]:
    async with opened(url) as bus:
        received = Received(bus)
        await bus.declare([NETWORK], deadline())
        await bus.consume(NETWORK.name, 500, received)
        try:
            yield received
        finally:
            await asyncio.to_thread(delete_queues, url, NETWORK.name)


@pytest.mark.parametrize(("kind", "stream", "attributes", "succeeds"), TOXICS)
async def test_publish_ends_by_its_deadline_on_a_faulty_network(
    rabbitmq_url: str,
    toxiproxy: Toxiproxy,
    kind: str,
    stream: str,
    attributes: dict[str, int],
    succeeds: bool | None,
) -> None:
    loop, confirmed, number = asyncio.get_running_loop(), list[str](), 0

    async def publish(bus: RabbitBus, seconds: float) -> bool:
        nonlocal number
        ids = [str(number + each) for each in range(50)]
        number += 50
        try:
            await bus.publish([message(id) for id in ids], deadline(seconds))
        except Unavailable:
            return False
        confirmed.extend(ids)
        return True

    with toxiproxy.proxy(rabbitmq_url) as proxy:
        async with receiving(rabbitmq_url) as received, opened(proxy.url) as bus:
            assert await publish(bus, 30)
            with proxy.toxic(kind, stream, **attributes):
                for _ in range(2):
                    started = loop.time()
                    is_published = await publish(bus, DEADLINE)
                    assert loop.time() - started < DEADLINE + MARGIN
                    assert succeeds is None or is_published == succeeds
            async with asyncio.timeout(60):
                while not await publish(bus, 30):
                    pass  # the connection was lost
            await wait_until(lambda: all(id in received.counts for id in confirmed))


async def wait_until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(600):
        while not is_true():
            await asyncio.sleep(0.05)


class DrainingShop(Shop):
    """A shop that records the size of each batch that its relay publishes."""

    def __init__(self, folder: Path, bus: RabbitBus) -> None:
        super().__init__(folder, bus)
        self.sizes: list[int] = []
        self.relay = Relay(
            "shop", lambda: self.database, self._bus, self.schemas, self.declare, self._count
        )

    def _count(self, messages: Sequence[Message], started: int) -> None:
        self.sizes.append(len(messages))

    async def fill(self, number: int, size: int) -> None:
        for start in range(0, number, BATCH):
            numbers = range(start, min(start + BATCH, number))
            await self.store(*[Sold(number=each, buyer="a" * size) for each in numbers])

    async def drain(self, number: int) -> int:
        """Run the relay until it has published the events; return the peak memory in bytes."""
        tracemalloc.start()
        running = asyncio.create_task(self.relay.run())
        try:
            async with asyncio.timeout(600):
                while sum(self.sizes) < number:
                    await asyncio.sleep(0.2)
            assert await self.count(outbox) == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            running.cancel()


@asynccontextmanager
async def draining(folder: Path, proxy: Proxy) -> AsyncIterator[DrainingShop]:
    shop = DrainingShop(folder, RabbitBus(proxy.url))
    await shop.bus.start()
    try:
        yield shop
    finally:
        await shop.close()


async def test_outbox_filled_while_the_network_is_cut_drains_over_a_slow_one(
    rabbitmq_url: str, toxiproxy: Toxiproxy, tmp_path: Path
) -> None:
    with toxiproxy.proxy(rabbitmq_url) as proxy:
        async with receiving(rabbitmq_url) as received, draining(tmp_path, proxy) as shop:
            proxy.enable(False)
            await shop.fill(EVENTS, 500)
            with pytest.raises(NeurovaError):
                await shop.relay.relay_batch()
            assert await shop.count(outbox) == EVENTS
            proxy.enable(True)
            with proxy.toxic("bandwidth", "upstream", rate=1_000):
                peak = await shop.drain(EVENTS)
            await wait_until(lambda: len(received.counts) == EVENTS)
    assert sum(shop.sizes) == EVENTS
    assert max(shop.sizes) <= BATCH
    assert peak < MOST_MEMORY
    print(f"{EVENTS} events drained, {max(shop.sizes)} at once, memory at most {peak:,} bytes")


async def test_outbox_drains_when_a_full_batch_exceeds_the_deadline(
    rabbitmq_url: str,
    toxiproxy: Toxiproxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch of 500 KB takes 5 seconds, but the relay's deadline is 2 seconds."""
    monkeypatch.setattr(relay, "TIMEOUT", 2.0)
    with toxiproxy.proxy(rabbitmq_url) as proxy:
        async with receiving(rabbitmq_url) as received, draining(tmp_path, proxy) as shop:
            await shop.fill(BATCH, 700)
            with proxy.toxic("bandwidth", "upstream", rate=100):
                await shop.drain(BATCH)
            await wait_until(lambda: len(received.counts) == BATCH)
    assert sum(shop.sizes) == BATCH
    print(f"batches of {shop.sizes}, {received.counts.total() - BATCH} messages twice")
