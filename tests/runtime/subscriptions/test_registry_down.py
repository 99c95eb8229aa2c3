"""While the registry is down, only events with unknown schemas wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.subscribing import Shop, Sold, handler

from neurova import Event, Tx
from neurova.bus.sqlite.bus import SqliteBus
from neurova.errors import Unavailable
from neurova.schemas.base import Reference
from neurova.schemas.cache import SchemaCache
from neurova.schemas.sqlite import SqliteRegistry
from neurova.subscriptions import runner


class Refunded(Event, source="shop"):
    number: int


class Outage(SqliteRegistry):
    """A registry that the test can take down."""

    is_down = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked = 0
        self._condition = threading.Condition()

    def register(self, subject: str, schema: str, references: tuple[Reference, ...] = ()) -> int:
        self._respond()
        return super().register(subject, schema, references)

    def find(self, id: int) -> str:
        self._respond()
        return super().find(id)

    async def was_asked(self, number: int) -> None:
        """Wait until the registry has received this many requests."""

        def wait() -> None:
            with self._condition:
                assert self._condition.wait_for(lambda: self.asked >= number, 60)

        await asyncio.to_thread(wait)

    def _respond(self) -> None:
        with self._condition:
            self.asked += 1
            self._condition.notify_all()
        if self.is_down:
            raise Unavailable("the schema registry does not respond")


@pytest.fixture
def registry(tmp_path: Path) -> Outage:
    return Outage(tmp_path / "outage.db")


@pytest.fixture
async def shop(
    tmp_path: Path, registry: Outage, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shop]:
    monkeypatch.setattr(runner, "REGISTRY_PAUSE", 0.01)
    bus = SqliteBus(tmp_path / "bus.db")
    await bus.start()
    shop = Shop(tmp_path, bus, registry)
    yield shop
    await shop.close()


async def keep(event: Sold, tx: Tx) -> None: ...


async def test_unknown_schema_waits_in_the_outbox(shop: Shop, registry: Outage) -> None:
    """Events with known schemas continue; an unknown one blocks all events after it, in order."""
    await shop.subscribe(handler(keep))
    await shop.publish(Sold(1))
    registry.is_down = True
    with pytest.raises(Unavailable):
        await shop.publish(Sold(2), Refunded(3), Sold(4))
    assert await shop.outcomes(2) == ["handled", "handled"]
    registry.is_down = False
    await shop.relay.relay_batch()
    assert await shop.outcomes(3) == ["handled", "handled", "handled"]
    assert await shop.relay.relay_batch() == 0


@pytest.mark.parametrize("options", [{}, {"ordered": "buyer"}], ids=["plain", "ordered"])
async def test_consumption_waits_and_drops_nothing(
    shop: Shop, registry: Outage, options: dict[str, str]
) -> None:
    await shop.subscribe(handler(keep, **options))
    await shop.runners[0].stop(0)
    await shop.publish(Sold(1), Sold(2), Sold(3))
    registry.is_down = True
    shop.schemas = SchemaCache(registry)  # like another process with an empty cache
    await shop.subscribe(handler(keep, **options))
    asked = registry.asked
    await registry.was_asked(asked + 3)
    assert shop.records == []
    registry.is_down = False
    assert await shop.outcomes(3) == ["handled"] * 3
    assert [each.attempt for each in shop.records] == [1, 1, 1]


async def test_stop_releases_events_that_wait_for_a_schema(shop: Shop, registry: Outage) -> None:
    await shop.subscribe(handler(keep))
    await shop.runners[0].stop(0)
    await shop.publish(Sold(1))
    registry.is_down = True
    shop.schemas = SchemaCache(registry)
    waiting = await shop.subscribe(handler(keep))
    await registry.was_asked(2)
    async with asyncio.timeout(60):
        await waiting.stop(3600)
    assert (await shop.bus.depth("shop.keep")).ready == 1
