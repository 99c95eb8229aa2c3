"""A service that subscribes to its own events: database, bus, relay and runners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select
from tests.contracts.databases import metadata as tables

from neurova import Event, Tx, on
from neurova.bus.base import Bus
from neurova.database.migrations import upgrade_platform
from neurova.database.sqlite.database import SqliteDatabase
from neurova.execution.transaction import run_in_transaction
from neurova.outbox.relay import Relay
from neurova.resources import Resources
from neurova.schemas.base import SchemaRegistry
from neurova.schemas.cache import SchemaCache
from neurova.schemas.sqlite import SqliteRegistry
from neurova.subscriptions.function import Definition, SubscriptionFunction
from neurova.subscriptions.ordered import OrderedRunner
from neurova.subscriptions.records import EventRecord
from neurova.subscriptions.runner import SubscriptionRunner


class Sold(Event, source="shop"):
    number: int
    buyer: str = "ada"


Handle = Callable[[Sold, Tx], Awaitable[None]]


class Shop:
    """One service with a database, a bus, a relay and subscriptions."""

    def __init__(self, folder: Path, bus: Bus, registry: SchemaRegistry | None = None) -> None:
        upgrade_platform(folder / "shop.db")
        tables.create_all(create_engine(f"sqlite:///{folder / 'shop.db'}"))
        self.now = 1_000.0
        self.records: list[EventRecord] = []
        self.changed = asyncio.Event()
        self.database = SqliteDatabase(folder / "shop.db")
        self.schemas = SchemaCache(registry or SqliteRegistry(folder / "registry.db"))
        self.bus = bus
        self.runners: list[SubscriptionRunner] = []
        self.relay = Relay("shop", lambda: self.database, self._bus, self.schemas, self.declare)

    async def _bus(self) -> Bus:
        return self.bus

    async def declare(self) -> None:
        queues = [runner.function.queue for runner in self.runners]
        await self.bus.declare(queues, asyncio.get_running_loop().time() + 10)

    async def subscribe(self, handler: Callable[..., Any]) -> SubscriptionRunner:
        description = handler.__neurova__  # type: ignore[attr-defined]
        resources = Resources(database=lambda: self.database)
        function = SubscriptionFunction(Definition(handler, description, "shop", "x.py", resources))
        kind = OrderedRunner if description.ordered else SubscriptionRunner
        runner = kind(function, self.bus, self.schemas, self._report, lambda: self.now)
        self.runners.append(runner)
        await self.declare()
        await runner.start()
        return runner

    def _report(self, record: EventRecord) -> None:
        self.records.append(record)
        self.changed.set()

    async def publish(self, *events: Event) -> None:
        """Commit events in one transaction, and relay them to the bus."""
        await self.store(*events)
        await self.relay.relay_batch()

    async def store(self, *events: Event) -> None:
        """Commit events in one transaction without relaying them."""

        async def body(tx: Any) -> None:
            for event in events:
                tx.publish(event)

        await run_in_transaction(self.begin(), body)

    def begin(self) -> Any:
        deadline = asyncio.get_running_loop().time() + 10
        return self.database.transaction(readonly=False, deadline=deadline)

    async def outcomes(self, number: int, *ignored: str) -> list[str]:
        """Wait for this many records and return their outcomes."""
        async with asyncio.timeout(20):
            while True:
                found = [each.outcome for each in self.records if each.outcome not in ignored]
                if len(found) >= number:
                    return found
                self.changed.clear()
                await self.changed.wait()

    async def count(self, table: Any) -> int:
        tx = self.begin()
        try:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())
        finally:
            await tx.rollback()

    async def close(self) -> None:
        """Stop the runners and close all backends."""
        for runner in self.runners:
            await runner.stop(0)
        await self.bus.close()
        await self.database.close()
        self.schemas.close()


def handler(behave: Handle, **options: Any) -> Callable[..., Any]:
    """Return the subscription `shop.keep` with the behaviour of `behave`."""

    @on(Sold, **{"backoff": 0.01, **options})
    async def keep(event: Sold, tx: Tx) -> None:
        await behave(event, tx)

    return keep
