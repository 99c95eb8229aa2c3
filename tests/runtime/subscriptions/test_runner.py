"""Subscriptions on the embedded backends: outbox, relay, retries, dead letters, order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.databases import sale, sales
from tests.subscribing import Shop, Sold, handler

from neurova import Event, Reject, Retry, Tx, on
from neurova.bus.sqlite.bus import SqliteBus
from neurova.database.event_tables import inbox, outbox
from neurova.errors import BindError, LoadError, Unavailable
from neurova.execution.transaction import run_in_transaction
from neurova.outbox.relay import Relay
from neurova.resources import Resources
from neurova.subscriptions.function import Definition, SubscriptionFunction


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    now: list[Shop] = []
    bus = SqliteBus(tmp_path / "bus.db", lambda: now[0].now)
    await bus.start()
    shop = Shop(tmp_path, bus)
    now.append(shop)
    yield shop
    await shop.close()


async def store(event: Sold, tx: Tx) -> None:
    await tx.execute(sale(event.number))


async def test_event_is_handled_once_with_its_transaction(shop: Shop) -> None:
    await shop.subscribe(handler(store))
    await shop.publish(Sold(1), Sold(2))
    assert await shop.outcomes(2) == ["handled", "handled"]
    assert (await shop.count(sales), await shop.count(inbox), await shop.count(outbox)) == (
        2,
        2,
        0,
    )


async def test_rolled_back_transaction_publishes_nothing(shop: Shop) -> None:
    async def body(tx: Any) -> None:
        tx.publish(Sold(1))
        raise ValueError

    with suppress(ValueError):
        await run_in_transaction(shop.begin(), body)
    assert await shop.count(outbox) == 0


async def test_event_that_comes_twice_has_its_effect_once(shop: Shop) -> None:
    await shop.subscribe(handler(store))
    await shop.publish(Sold(1))
    await shop.outcomes(1)
    (record,) = shop.records
    message = (await _messages(shop, record.id))[0]
    await shop.bus.publish([message], asyncio.get_running_loop().time() + 10)
    assert await shop.outcomes(2) == ["handled", "duplicate"]
    assert await shop.count(sales) == 1


async def _messages(shop: Shop, id: str) -> list[Any]:
    from neurova.bus.base import Message
    from neurova.events.codec import codec_of, with_head

    encoded = codec_of(Sold).encode(Sold(1))
    number = await shop.schemas.register(encoded.name, encoded.schema)
    return [Message(id, encoded.name, with_head(number, encoded.body), 1.0)]


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
    shop: Shop, error: Exception | None, options: dict[str, Any], expected: list[str]
) -> None:
    async def fail(event: Sold, tx: Tx) -> None:
        await tx.execute(sale(event.number))
        if error is None:
            await asyncio.Event().wait()
        else:
            raise error

    await shop.subscribe(handler(fail, **options))
    await shop.publish(Sold(1))
    for number in range(1, len(expected) + 1):
        await shop.outcomes(number)
        shop.now += 3600  # the retry is due
    assert [record.outcome for record in shop.records] == expected
    assert await shop.count(sales) == 0
    (dead,) = await shop.bus.dead_letters("shop.keep", 10)
    assert [failure.attempt for failure in dead.failures] == list(range(1, len(expected) + 1))
    assert dead.failures[-1].cause.startswith(
        "TimeoutError" if error is None else type(error).__name__
    )


async def test_undecodable_event_is_dead_at_once(shop: Shop) -> None:
    await shop.subscribe(handler(store, retries=5))
    (message,) = await _messages(shop, "1")
    broken = type(message)("1", message.event, message.body[:-3], 1.0)
    await shop.bus.publish([broken], asyncio.get_running_loop().time() + 10)
    assert await shop.outcomes(1) == ["dead"]
    assert "UndecodableEvent" in shop.records[0].cause


async def test_dead_event_parks_later_ones_of_its_key(shop: Shop) -> None:
    """Other keys continue; after the replay, the parked events follow in order."""
    handled: list[tuple[str, int]] = []
    poisoned = {2}

    async def keep(event: Sold, tx: Tx) -> None:
        if event.number in poisoned:
            raise Reject(422, "poison")
        handled.append((event.buyer, event.number))

    await shop.subscribe(handler(keep, ordered="buyer"))
    await shop.publish(*(Sold(number) for number in range(1, 6)), Sold(7, "bob"))
    outcomes = await shop.outcomes(6)
    assert sorted(outcomes) == ["dead", "handled", "handled", "parked", "parked", "parked"]
    assert sorted(handled) == [("ada", 1), ("bob", 7)]
    poisoned.clear()
    (dead,) = await shop.bus.dead_letters("shop.keep", 10)
    await shop.bus.replay("shop.keep", [dead.message.id])
    await shop.outcomes(6, "parked", "dead")
    assert [number for buyer, number in handled if buyer == "ada"] == [1, 2, 3, 4, 5]


async def test_retry_of_the_first_keeps_the_order_of_its_key(shop: Shop) -> None:
    handled: list[int] = []
    failures = iter([ValueError("no"), ValueError("no")])

    async def keep(event: Sold, tx: Tx) -> None:
        if event.number == 1 and (error := next(failures, None)):
            raise error
        handled.append(event.number)

    await shop.subscribe(handler(keep, ordered="buyer"))
    await shop.publish(Sold(1), Sold(2), Sold(3))
    await shop.outcomes(3)
    shop.now += 3600
    await shop.outcomes(4)
    shop.now += 3600
    await shop.outcomes(7)
    assert handled == [1, 2, 3]


async def test_stop_gives_unfinished_events_back(shop: Shop) -> None:
    started = asyncio.Event()

    async def wait(event: Sold, tx: Tx) -> None:
        started.set()
        await asyncio.Event().wait()

    runner = await shop.subscribe(handler(wait))
    await shop.publish(Sold(1), Sold(2))
    await started.wait()
    await runner.stop(0)
    depth = await shop.bus.depth("shop.keep")
    assert (depth.ready, depth.delivered, depth.dead) == (2, 0, 0)


async def test_event_without_subscription_is_dropped(shop: Shop) -> None:
    await shop.publish(Sold(1))
    assert await shop.count(outbox) == 0


async def test_outbox_keeps_events_while_the_bus_fails(shop: Shop) -> None:
    async def broken() -> Any:
        raise Unavailable("the bus is down")

    await shop.subscribe(handler(store))
    relay, shop.relay = (
        shop.relay,
        Relay("shop", lambda: shop.database, broken, shop.schemas, shop.declare),
    )
    with suppress(Unavailable):
        await shop.publish(Sold(1))
    assert await shop.count(outbox) == 1
    await relay.relay_batch()
    assert await shop.outcomes(1) == ["handled"]


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
