"""Ordered events keep the order of each key, with dead letters, edits and replays between them.

`make faults` runs the long form.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from pathlib import Path

import pytest
from tests.contracts.buses import BACKENDS, PARAMETERS
from tests.subscribing import Shop, Sold, handler

from neurova import Reject, Tx
from neurova.events.codec import codec_of

EVENTS, KEYS = (20_000, 200) if os.environ.get("NEUROVA_TEST_LONG") else (1_000, 40)
DEAD_EVERY = 100


@pytest.mark.parametrize("backend", PARAMETERS)
async def test_order_of_each_key_is_kept(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """1 % are dead until they are edited and replayed."""
    handled: dict[str, list[int]] = defaultdict(list)
    count = 0
    done = asyncio.Event()

    async def keep(event: Sold, tx: Tx) -> None:
        nonlocal count
        if event.number < 0:
            raise Reject(422, "negative")
        handled[event.buyer].append(event.number)
        count += 1
        if count == EVENTS:
            done.set()

    bus = BACKENDS[backend](request)()
    await bus.start()
    shop = Shop(tmp_path, bus)
    try:
        await shop.subscribe(handler(keep, ordered="buyer", prefetch=200, concurrency=50))
        publishing = asyncio.create_task(publish_all(shop))
        repairing = asyncio.create_task(repair(shop))
        async with asyncio.timeout(60 + EVENTS / 20):
            await publishing
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
        await shop.publish(*events)


async def repair(shop: Shop) -> None:
    """Edit and replay dead letters as they come."""
    codec = codec_of(Sold)
    while True:
        for dead in await shop.bus.dead_letters("shop.keep", 10):
            event = codec.decode(dead.message.body, shop.schemas.find)
            body = codec.encode(Sold(-event.number, event.buyer)).body
            await shop.bus.replace("shop.keep", dead.message.id, body)
            await shop.bus.replay("shop.keep", [dead.message.id])
        await asyncio.sleep(0.05)
