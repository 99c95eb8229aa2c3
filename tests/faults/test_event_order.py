"""Events of a key stay in order despite dead letters, edits and replays.

`make faults` runs the long form.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.servers.rabbitmq import RabbitServer
from tests.subscribing import Shop, Sold, handler

from neurova import Reject, Tx
from neurova.bus.base import Bus
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.bus.sqlite.bus import SqliteBus
from neurova.errors import Unavailable
from neurova.events.codec import HEAD, codec_of

EVENTS, KEYS = (20_000, 200) if os.environ.get("NEUROVA_TEST_LONG") else (1_000, 40)
DEAD_EVERY = 100


async def test_order_of_each_key_is_kept(tmp_path: Path) -> None:
    """1 % of the events become dead letters until they are edited and replayed."""
    await handle_all(tmp_path, SqliteBus(tmp_path / "bus.db"))


@pytest.mark.server
async def test_order_is_kept_when_rabbitmq_is_killed(
    own_rabbitmq: RabbitServer, tmp_path: Path
) -> None:
    def kill() -> None:
        own_rabbitmq.kill()
        own_rabbitmq.start()

    await handle_all(tmp_path, RabbitBus(own_rabbitmq.url), kill)


async def handle_all(folder: Path, bus: Bus, disturb: Callable[[], None] = lambda: None) -> None:
    """Publish all events; run `disturb` in a thread once half of them have been handled."""
    handled: dict[str, list[int]] = defaultdict(list)
    count = 0
    half, done = asyncio.Event(), asyncio.Event()

    async def keep(event: Sold, tx: Tx) -> None:
        if event.number < 0:
            raise Reject(422, "negative")
        tx.after_commit(record, event)

    async def record(event: Sold) -> None:
        nonlocal count
        handled[event.buyer].append(event.number)
        count += 1
        if count == EVENTS // 2:
            half.set()
        if count == EVENTS:
            done.set()

    await bus.start()
    shop = Shop(folder, bus)
    try:
        await shop.subscribe(handler(keep, ordered="buyer", prefetch=200, concurrency=50))
        async with asyncio.timeout(60 + EVENTS / 20), asyncio.TaskGroup() as tasks:
            repairing = tasks.create_task(repair(shop))
            tasks.create_task(publish_all(shop))
            await half.wait()
            await asyncio.to_thread(disturb)
            await done.wait()
            repairing.cancel()
    finally:
        await shop.close()
    expected = defaultdict(list)
    for number in range(1, EVENTS + 1):
        expected[f"key {number % KEYS}"].append(number)
    assert handled == expected


async def publish_all(shop: Shop) -> None:
    for first in range(1, EVENTS + 1, 100):
        events = [
            Sold(-number if number % DEAD_EVERY == 7 else number, f"key {number % KEYS}")
            for number in range(first, first + 100)
        ]
        await shop.store(*events)
        await relay_all(shop)


async def relay_all(shop: Shop) -> None:
    """Relay until the outbox is empty; the bus may be down for a while."""
    while True:
        try:
            if not await shop.relay.relay_batch():
                return
        except Unavailable:
            await asyncio.sleep(0.2)


async def repair(shop: Shop) -> None:
    """Edit and replay dead letters as they arrive."""
    codec = codec_of(Sold)
    while True:
        with suppress(Unavailable):
            for dead in await shop.bus.dead_letters("shop.keep", 10):
                event = codec.decode(dead.message.body, shop.schemas.find)
                edited = codec.encode(Sold(abs(event.number), event.buyer))
                body = dead.message.body[:HEAD] + edited.body
                await shop.bus.replace("shop.keep", dead.message.id, body)
                await shop.bus.replay("shop.keep", [dead.message.id])
        await asyncio.sleep(0.05)
