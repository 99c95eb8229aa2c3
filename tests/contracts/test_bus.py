"""The contract of the bus, on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.contracts.buses import (
    BACKENDS,
    MAIL,
    ORDERED,
    PARAMETERS,
    STAYS,
    OpenBus,
    consume,
    deadline,
    declare,
    eventually,
    message,
    need,
    publish,
)

from neurova.bus.base import Bus, Delivery, Unroutable


@pytest.fixture(params=PARAMETERS)
def open_bus(request: pytest.FixtureRequest) -> OpenBus:
    """Return a function that opens another `Bus` on the same, initially empty, store."""
    return BACKENDS[request.param](request)


@pytest.fixture
async def bus(open_bus: OpenBus) -> AsyncIterator[Bus]:
    bus = open_bus()
    await bus.start()
    await declare(bus)
    yield bus
    await bus.close()


@pytest.fixture
async def other(open_bus: OpenBus) -> AsyncIterator[Bus]:
    """Return a second bus, like one in another process."""
    bus = open_bus()
    await bus.start()
    yield bus
    await bus.close()


async def ids(bus: Bus, queue: str = "crm.mail") -> list[str]:
    return [each.message.id for each in await bus.dead_letters(queue, 100)]


async def test_message_arrives_unchanged(bus: Bus) -> None:
    sent = message("1", body=bytes(range(256)))
    await bus.publish([sent], deadline())
    (delivery,) = await (await consume(bus)).take()
    assert delivery.message == sent
    assert (delivery.queue, delivery.attempt, delivery.failures) == ("crm.mail", 1, ())


async def test_each_queue_gets_its_events(bus: Bus) -> None:
    await declare(bus, MAIL, STAYS)
    await publish(bus, ["1"])
    await publish(bus, ["2"], "booking.Cancelled")
    assert [each.message.id for each in await (await consume(bus, "crm.stays")).take(2)] == [
        "1",
        "2",
    ]
    assert (await bus.depth("crm.mail")).ready == 1


async def test_order_of_publication_is_kept(request: pytest.FixtureRequest, bus: Bus) -> None:
    need(request, "order")
    inbox = await consume(bus, prefetch=500)
    expected = [str(number) for number in range(300)]
    for start in range(0, 300, 60):
        await publish(bus, expected[start : start + 60])
    assert [each.message.id for each in await inbox.take(300)] == expected


async def test_unroutable_event_raises_and_others_are_published(bus: Bus) -> None:
    with pytest.raises(Unroutable, match=r"booking\.Unknown"):
        await bus.publish([message("1", "booking.Unknown"), message("2")], deadline())
    assert (await bus.depth("crm.mail")).ready == 1


async def test_declare_is_idempotent_and_keeps_messages(bus: Bus) -> None:
    await publish(bus, ["1"])
    await declare(bus)
    assert (await bus.depth("crm.mail")).ready == 1


async def test_acked_message_is_gone(bus: Bus) -> None:
    await publish(bus, ["1"])
    (delivery,) = await (await consume(bus)).take()
    assert (await bus.depth("crm.mail")).delivered in (1, -1)
    await bus.ack(delivery)
    await eventually(lambda: _is_empty(bus))


async def test_prefetch_bounds_unfinished_deliveries(bus: Bus) -> None:
    await publish(bus, [str(number) for number in range(10)])
    inbox = await consume(bus, prefetch=3)
    first = await inbox.take(3)
    assert (await bus.depth("crm.mail")).ready == 7
    for delivery in first:
        await bus.ack(delivery)
    assert len(await inbox.take(3)) == 3


async def test_retry_delivers_again_with_cause(bus: Bus) -> None:
    await publish(bus, ["1"])
    inbox = await consume(bus)
    (first,) = await inbox.take()
    await bus.retry(first, 0.1, "ValueError: no")
    (second,) = await inbox.take()
    assert second.message == first.message
    assert second.attempt == 2
    assert [(each.attempt, each.cause) for each in second.failures] == [(1, "ValueError: no")]


async def test_dead_letter_keeps_message_and_history(bus: Bus) -> None:
    await publish(bus, ["1"])
    inbox = await consume(bus)
    await bus.retry((await inbox.take())[0], 0.1, "first")
    await bus.dead_letter((await inbox.take())[0], "second")
    (dead,) = await _dead(bus, 1)
    assert (dead.message, dead.queue) == (message("1"), "crm.mail")
    assert [(each.attempt, each.cause) for each in dead.failures] == [(1, "first"), (2, "second")]
    assert (await bus.depth("crm.mail")).dead == 1


async def test_released_message_is_no_attempt(bus: Bus) -> None:
    await publish(bus, ["1"])
    inbox = await consume(bus)
    await bus.release((await inbox.take())[0])
    assert (await inbox.take())[0].attempt == 1


async def test_listing_dead_letters_twice_shows_the_same(bus: Bus) -> None:
    await _bury(bus, ["1", "2", "3"])
    assert await ids(bus) == await ids(bus) == ["1", "2", "3"]
    assert len(await bus.dead_letters("crm.mail", 2)) == 2


async def test_replayed_message_is_delivered_as_first_attempt(bus: Bus) -> None:
    await _bury(bus, ["1", "2"])
    inbox = await consume(bus)
    assert await bus.replay("crm.mail", ["1", "unknown"]) == ["1"]
    (delivery,) = await inbox.take()
    assert (delivery.message.id, delivery.attempt) == ("1", 1)
    assert [each.cause for each in delivery.failures] == ["no"]
    assert await ids(bus) == ["2"]


async def test_replaced_body_is_replayed(bus: Bus) -> None:
    await _bury(bus, ["1"])
    assert await bus.replace("crm.mail", "1", b"fixed")
    assert not await bus.replace("crm.mail", "unknown", b"fixed")
    assert (await _dead(bus, 1))[0].message.body == b"fixed"
    await bus.replay("crm.mail", ["1"])
    assert (await (await consume(bus)).take())[0].message.body == b"fixed"


async def test_dropped_dead_letters_are_gone(bus: Bus) -> None:
    await _bury(bus, ["1", "2", "3"])
    assert await bus.drop("crm.mail", ["1", "3", "unknown"]) == ["1", "3"]
    assert await ids(bus) == ["2"]


async def test_two_processes_share_a_queue(bus: Bus, other: Bus) -> None:
    first, second = await consume(bus, prefetch=2), await consume(other, prefetch=2)
    await publish(bus, ["1", "2", "3", "4"])
    taken = await first.take(2) + await second.take(2)
    assert sorted(each.message.id for each in taken) == ["1", "2", "3", "4"]


async def test_ordered_queue_has_one_consumer_at_a_time(
    request: pytest.FixtureRequest, bus: Bus, other: Bus
) -> None:
    need(request, "order")
    await declare(bus, ORDERED)
    first = await consume(bus, "crm.ordered", prefetch=2)
    second = await consume(other, "crm.ordered", prefetch=2)
    await publish(bus, ["1", "2", "3"])
    taken = await first.take(2)
    assert not second.received
    assert first.consumer is not None
    await first.consumer.stop()
    for delivery in taken:
        await bus.ack(delivery)
    assert (await second.take())[0].message.id == "3"


async def test_closed_bus_gives_messages_back(bus: Bus, open_bus: OpenBus) -> None:
    await publish(bus, ["1"])
    closing = open_bus()
    await closing.start()
    await (await consume(closing)).take()
    await closing.close()
    (delivery,) = await (await consume(bus)).take()
    assert delivery.message.id == "1"


async def test_acks_in_any_order_leave_the_other_messages(bus: Bus, open_bus: OpenBus) -> None:
    closing = open_bus()
    await closing.start()
    inbox = await consume(closing)
    await publish(bus, "abcdef")
    deliveries = {each.message.id: each for each in await inbox.take(6)}
    await asyncio.gather(*(closing.ack(deliveries[id]) for id in "ead"))
    await closing.ack(deliveries["f"])
    await closing.close()
    left = await (await consume(bus)).take(2)
    assert sorted(each.message.id for each in left) == ["b", "c"]


async def test_stopped_consumer_receives_nothing_more(bus: Bus) -> None:
    inbox = await consume(bus)
    assert inbox.consumer is not None
    await inbox.consumer.stop()
    await publish(bus, ["1"])
    assert (await bus.depth("crm.mail")).ready == 1
    assert not inbox.received


async def test_messages_survive_restart(bus: Bus, open_bus: OpenBus) -> None:
    await _bury(bus, ["dead"])
    await publish(bus, ["ready"])
    await bus.close()
    again = open_bus()
    await again.start()
    try:
        assert (await (await consume(again)).take())[0].message.id == "ready"
        assert await ids(again) == ["dead"]
    finally:
        await again.close()


async def _bury(bus: Bus, ids: list[str]) -> None:
    """Publish messages and dead-letter them."""
    await publish(bus, ids)
    inbox = await consume(bus)
    for delivery in await inbox.take(len(ids)):
        await bus.dead_letter(delivery, "no")
    assert inbox.consumer is not None
    await inbox.consumer.stop()
    await _dead(bus, len(ids))


async def _dead(bus: Bus, number: int) -> list[Delivery]:
    async def arrived() -> bool:
        return len(await bus.dead_letters("crm.mail", 100)) == number

    await eventually(arrived)
    return await bus.dead_letters("crm.mail", 100)


async def _is_empty(bus: Bus) -> bool:
    return all(number in (0, -1) for number in await bus.depth("crm.mail"))
