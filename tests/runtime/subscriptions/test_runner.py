"""Running subscriptions: outbox, relay, retries, dead letters, order; on the embedded backends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.contracts.databases import metadata as tables
from tests.contracts.databases import sale, sales

from neurova import Event, Reject, Retry, Tx, on
from neurova.bus.sqlite.bus import SqliteBus
from neurova.database.event_tables import inbox, outbox
from neurova.database.migrations import upgrade_platform
from neurova.database.sqlite.database import SqliteDatabase
from neurova.errors import BindError, LoadError, Unavailable
from neurova.execution.transaction import run_in_transaction
from neurova.outbox.relay import Relay
from neurova.resources import Resources
from neurova.schemas.sqlite import SqliteSchemaStore
from neurova.subscriptions.function import Definition, SubscriptionFunction
from neurova.subscriptions.ordered import OrderedRunner
from neurova.subscriptions.records import EventRecord
from neurova.subscriptions.runner import SubscriptionRunner


class Sold(Event, source="shop"):
    number: int
    buyer: str = "ada"


Handle = Callable[[Sold, Tx], Awaitable[None]]


class World:
    """One service with a database, a bus, a relay and subscriptions."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        self.records: list[EventRecord] = []
        self.changed = asyncio.Event()
        self.database = SqliteDatabase(folder / "shop.db")
        self.schemas = SqliteSchemaStore(folder / "schemas.db")
        self.bus = SqliteBus(folder / "bus.db", lambda: self.now)
        self.runners: list[SubscriptionRunner] = []
        self.relay = Relay("shop", lambda: self.database, self._bus, self.schemas, self._declare)

    async def _bus(self) -> SqliteBus:
        return self.bus

    async def _declare(self) -> None:
        queues = [runner.function.queue for runner in self.runners]
        await self.bus.declare(queues, asyncio.get_running_loop().time() + 10)

    async def subscribe(self, handler: Callable[..., Any]) -> SubscriptionRunner:
        description = handler.__neurova__  # type: ignore[attr-defined]
        resources = Resources(database=lambda: self.database)
        function = SubscriptionFunction(Definition(handler, description, "shop", "x.py", resources))
        kind = OrderedRunner if description.ordered else SubscriptionRunner
        runner = kind(function, self.bus, self.schemas.find, self._report, lambda: self.now)
        self.runners.append(runner)
        await self._declare()
        await runner.start()
        return runner

    def _report(self, record: EventRecord) -> None:
        self.records.append(record)
        self.changed.set()

    async def publish(self, *events: Event) -> None:
        """Publish events in one transaction and relay them."""

        async def body(tx: Any) -> None:
            for event in events:
                tx.publish(event)

        await run_in_transaction(self.begin(), body)
        await self.relay.relay_batch()

    def begin(self) -> Any:
        deadline = asyncio.get_running_loop().time() + 10
        return self.database.transaction(readonly=False, deadline=deadline)

    async def outcomes(self, number: int, *ignored: str) -> list[str]:
        """Wait for a number of records and return their outcomes."""
        async with asyncio.timeout(20):
            while (
                len(found := [r.outcome for r in self.records if r.outcome not in ignored]) < number
            ):
                self.changed.clear()
                await self.changed.wait()
        return found

    async def count(self, table: Any) -> int:
        tx = self.begin()
        try:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())
        finally:
            await tx.rollback()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    from sqlalchemy import create_engine

    upgrade_platform(tmp_path / "shop.db")
    tables.create_all(create_engine(f"sqlite:///{tmp_path / 'shop.db'}"))
    world = World(tmp_path)
    await world.bus.start()
    yield world
    for runner in world.runners:
        await runner.stop(0)
    await world.bus.close()
    await world.database.close()
    world.schemas.close()


def handler(behave: Handle, **options: Any) -> Callable[..., Any]:
    """Return a subscription that behaves like `behave`."""

    @on(Sold, **{"backoff": 0.01, **options})
    async def keep(event: Sold, tx: Tx) -> None:
        await behave(event, tx)

    return keep


async def store(event: Sold, tx: Tx) -> None:
    await tx.execute(sale(event.number))


async def test_event_is_handled_once_with_its_transaction(world: World) -> None:
    await world.subscribe(handler(store))
    await world.publish(Sold(1), Sold(2))
    assert await world.outcomes(2) == ["handled", "handled"]
    assert (await world.count(sales), await world.count(inbox), await world.count(outbox)) == (
        2,
        2,
        0,
    )


async def test_rolled_back_transaction_publishes_nothing(world: World) -> None:
    async def body(tx: Any) -> None:
        tx.publish(Sold(1))
        raise ValueError

    with suppress(ValueError):
        await run_in_transaction(world.begin(), body)
    assert await world.count(outbox) == 0


async def test_event_that_comes_twice_has_its_effect_once(world: World) -> None:
    await world.subscribe(handler(store))
    await world.publish(Sold(1))
    await world.outcomes(1)
    (record,) = world.records
    message = (await _messages(world, record.id))[0]
    await world.bus.publish([message], asyncio.get_running_loop().time() + 10)
    assert await world.outcomes(2) == ["handled", "duplicate"]
    assert await world.count(sales) == 1


async def _messages(world: World, id: str) -> list[Any]:
    from neurova.bus.base import Message
    from neurova.events.codec import codec_of

    encoded = codec_of(Sold).encode(Sold(1))
    return [Message(id, encoded.name, encoded.body, 1.0)]


@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        pytest.param(ValueError("no"), {"retries": 2}, ["retry", "retry", "dead"], id="exception"),
        pytest.param(Reject(409, "no"), {"retries": 9}, ["dead"], id="reject"),
        pytest.param(Retry("later", after=0.01), {"retries": 1}, ["retry", "dead"], id="retry"),
        pytest.param(Unavailable("down"), {"retries": 1}, ["retry", "dead"], id="unavailable"),
        pytest.param(None, {"retries": 0, "timeout": 0.05}, ["dead"], id="timeout"),
    ],
)
async def test_failure_is_retried_then_dead(
    world: World, error: Exception | None, options: dict[str, Any], expected: list[str]
) -> None:
    async def fail(event: Sold, tx: Tx) -> None:
        await tx.execute(sale(event.number))
        if error is None:
            await asyncio.Event().wait()
        else:
            raise error

    await world.subscribe(handler(fail, **options))
    await world.publish(Sold(1))
    for number in range(1, len(expected) + 1):
        await world.outcomes(number)
        world.now += 3600  # the retry is due
    assert [record.outcome for record in world.records] == expected
    assert await world.count(sales) == 0
    (dead,) = await world.bus.dead_letters("shop.keep", 10)
    assert [failure.attempt for failure in dead.failures] == list(range(1, len(expected) + 1))
    assert dead.failures[-1].cause.startswith(
        "TimeoutError" if error is None else type(error).__name__
    )


async def test_undecodable_event_is_dead_at_once(world: World) -> None:
    await world.subscribe(handler(store, retries=5))
    (message,) = await _messages(world, "1")
    broken = type(message)("1", message.event, message.body[:-3], 1.0)
    await world.bus.publish([broken], asyncio.get_running_loop().time() + 10)
    assert await world.outcomes(1) == ["dead"]
    assert "UndecodableEvent" in world.records[0].cause


async def test_dead_event_parks_later_ones_of_its_key(world: World) -> None:
    """Other keys go on; after the replay the parked events follow in order."""
    handled: list[tuple[str, int]] = []
    poisoned = {2}

    async def keep(event: Sold, tx: Tx) -> None:
        if event.number in poisoned:
            raise Reject(422, "poison")
        handled.append((event.buyer, event.number))

    await world.subscribe(handler(keep, ordered="buyer"))
    await world.publish(*(Sold(number) for number in range(1, 6)), Sold(7, "bob"))
    outcomes = await world.outcomes(6)
    assert sorted(outcomes) == ["dead", "handled", "handled", "parked", "parked", "parked"]
    assert sorted(handled) == [("ada", 1), ("bob", 7)]
    poisoned.clear()
    (dead,) = await world.bus.dead_letters("shop.keep", 10)
    await world.bus.replay("shop.keep", [dead.message.id])
    await world.outcomes(6, "parked", "dead")
    assert [number for buyer, number in handled if buyer == "ada"] == [1, 2, 3, 4, 5]


async def test_retry_of_the_first_keeps_the_order_of_its_key(world: World) -> None:
    handled: list[int] = []
    failures = iter([ValueError("no"), ValueError("no")])

    async def keep(event: Sold, tx: Tx) -> None:
        if event.number == 1 and (error := next(failures, None)):
            raise error
        handled.append(event.number)

    await world.subscribe(handler(keep, ordered="buyer"))
    await world.publish(Sold(1), Sold(2), Sold(3))
    await world.outcomes(3)
    world.now += 3600
    await world.outcomes(4)
    world.now += 3600
    await world.outcomes(7)
    assert handled == [1, 2, 3]


async def test_stop_gives_unfinished_events_back(world: World) -> None:
    started = asyncio.Event()

    async def wait(event: Sold, tx: Tx) -> None:
        started.set()
        await asyncio.Event().wait()

    runner = await world.subscribe(handler(wait))
    await world.publish(Sold(1), Sold(2))
    await started.wait()
    await runner.stop(0)
    depth = await world.bus.depth("shop.keep")
    assert (depth.ready, depth.delivered, depth.dead) == (2, 0, 0)


async def test_event_without_subscription_is_dropped(world: World) -> None:
    await world.publish(Sold(1))
    assert await world.count(outbox) == 0


async def test_outbox_keeps_events_while_the_bus_fails(world: World) -> None:
    async def broken() -> Any:
        raise Unavailable("the bus is down")

    await world.subscribe(handler(store))
    relay, world.relay = (
        world.relay,
        Relay("shop", lambda: world.database, broken, world.schemas, world._declare),
    )
    with suppress(Unavailable):
        await world.publish(Sold(1))
    assert await world.count(outbox) == 1
    await relay.relay_batch()
    assert await world.outcomes(1) == ["handled"]


def _no_event(tx: Tx) -> None: ...
def _tx_in_def(event: Sold, tx: Tx) -> None: ...
def _unknown(event: Sold, other: int) -> None: ...
async def _two(event: Sold, again: Sold) -> None: ...


@pytest.mark.parametrize("function", [_no_event, _tx_in_def, _unknown, _two])
def test_signature_that_cannot_be_bound_is_refused(function: Any) -> None:
    definition = Definition(function, on(Sold)(function).__neurova__, "shop", "x.py", Resources())
    del function.__neurova__
    with pytest.raises(BindError, match=r"x\.py:\d+"):
        SubscriptionFunction(definition)


@pytest.mark.parametrize(
    ("events", "options"),
    [
        ((), {}),
        ((int,), {}),
        ((Event,), {}),
        ((Sold,), {"ordered": "no"}),
        ((Sold,), {"retries": -1}),
    ],
)
def test_invalid_option_is_refused(events: Any, options: Any) -> None:
    with pytest.raises(LoadError):
        on(*events, **options)
