"""The bus when RabbitMQ or one of its clients fails."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pika
import pytest
from tests.contracts.buses import (
    MAIL,
    ORDERED,
    consume,
    deadline,
    declare,
    delete_queues,
    eventually,
    message,
    publish,
)
from tests.servers.rabbitmq import RabbitServer

from neurova.bus.base import Queue
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.bus.rabbitmq.topology import DELIVERY_LIMIT
from neurova.errors import NeurovaError, StateError, Unavailable

pytestmark = pytest.mark.server


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RabbitBus]:
    bus = RabbitBus(url)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture
async def bus(rabbitmq_url: str) -> AsyncIterator[RabbitBus]:
    async with opened(rabbitmq_url) as bus:
        await declare(bus)
        yield bus
    delete_queues(rabbitmq_url, MAIL.name, ORDERED.name)


def run_pika(url: str, method: str, **arguments: object) -> None:
    """Call a method of a pika channel, as another program would."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        getattr(connection.channel(), method)(**arguments)


async def test_deleted_queue_is_created_and_consumed_again(
    bus: RabbitBus, rabbitmq_url: str
) -> None:
    inbox = await consume(bus)
    await asyncio.to_thread(run_pika, rabbitmq_url, "queue_delete", queue="crm.mail")

    async def is_published() -> bool:
        try:
            await publish(bus, ["1"])
        except NeurovaError:  # unroutable until the consumer creates the queue
            return False
        return True

    await eventually(is_published)
    assert (await inbox.take())[0].message.id == "1"


async def test_deleted_dead_letter_queue_is_created_again(
    bus: RabbitBus, rabbitmq_url: str
) -> None:
    inbox = await consume(bus)
    await publish(bus, ["1"])
    (delivery,) = await inbox.take()
    await asyncio.to_thread(run_pika, rabbitmq_url, "queue_delete", queue="crm.mail.dlq")
    await bus.dead_letter(delivery, "no")
    assert [each.message.id for each in await bus.dead_letters("crm.mail", 10)] == ["1"]


async def test_other_definition_is_refused_and_kept(bus: RabbitBus, rabbitmq_url: str) -> None:
    run_pika(rabbitmq_url, "queue_declare", queue="crm.ordered", durable=True)
    with pytest.raises(StateError, match=r"queue crm\.ordered.*another definition.*x-") as raised:
        await declare(bus, ORDERED)
    assert "neurova bus apply" in raised.value.fix
    found = [str(each) for each in await bus.compare([MAIL, ORDERED])]
    assert len(found) == 1, found
    assert found[0].startswith("RabbitMQ queue crm.ordered: RabbitMQ refuses: PRECONDITION_FAILED")


async def test_differences_name_what_is_missing(bus: RabbitBus) -> None:
    found = await bus.compare([MAIL, Queue("crm.new", ())])
    missing = ["RabbitMQ queue crm.new.dlq: missing", "RabbitMQ queue crm.new: missing"]
    assert [str(each) for each in found] == missing


async def test_message_that_kills_its_process_is_dead_lettered(
    bus: RabbitBus, rabbitmq_url: str
) -> None:
    await publish(bus, ["poison"])
    for _ in range(DELIVERY_LIMIT + 1):
        async with opened(rabbitmq_url) as dying:
            await (await consume(dying)).take()

    async def is_dead() -> bool:
        return bool(await bus.dead_letters("crm.mail", 1))

    await eventually(is_dead)
    (dead,) = await bus.dead_letters("crm.mail", 1)
    assert dead.failures[-1].cause.startswith("not handled in 50 deliveries")


@pytest.mark.parametrize(
    ("user", "vhost", "what"),
    [
        ("tester:wrong", "/", "refuses the user 'tester'"),
        ("", "/absent", "refuses the virtual host 'absent'"),
    ],
)
async def test_refused_user_is_an_error_without_password(
    rabbitmq: RabbitServer, user: str, vhost: str, what: str
) -> None:
    scheme, _, rest = rabbitmq.url.partition("://")
    own, _, address = rest.partition("@")
    url = f"{scheme}://{user or own}@{address.partition('/')[0]}{vhost}"
    with pytest.raises(StateError, match=what) as raised:
        await RabbitBus(url).start()
    assert "wrong" not in str(raised.value)
    assert own.partition(":")[2] not in str(raised.value)


async def test_missing_permission_is_an_error_that_says_so(own_rabbitmq: RabbitServer) -> None:
    url = own_rabbitmq.create()
    vhost = url.rpartition("/")[2]
    own_rabbitmq.control("set_permissions", "-p", vhost, "tester", "^neurova.events$", ".*", ".*")
    async with opened(url) as bus:
        with pytest.raises(StateError, match=r"ACCESS_REFUSED.*set_permissions"):
            await declare(bus)


async def test_publish_fails_at_its_deadline(own_rabbitmq: RabbitServer) -> None:
    """The broker hangs, is killed, and starts again."""
    async with opened(own_rabbitmq.create()) as bus:
        await declare(bus)
        inbox = await consume(bus)
        own_rabbitmq.sync()
        own_rabbitmq.signal(signal.SIGSTOP)
        with pytest.raises(Unavailable, match="until the deadline"):
            await bus.publish([message(str(number)) for number in range(5_000)], deadline(0.5))
        own_rabbitmq.kill()
        with pytest.raises(Unavailable, match="RabbitMQ"):
            await bus.publish([message("1")], deadline(0.5))
        await asyncio.to_thread(own_rabbitmq.start)
        await bus.publish([message("again")], deadline(30))

        async def arrived() -> bool:
            return any(each.message.id == "again" for each in inbox.received)

        await eventually(arrived)


async def test_publish_waits_while_the_broker_is_full(own_rabbitmq: RabbitServer) -> None:
    async with opened(own_rabbitmq.create()) as bus:
        await declare(bus)
        await publish(bus, ["before"])
        alarm = "{resource_limit, disk, node()}"
        own_rabbitmq.control("eval", f"rabbit_alarm:set_alarm({{{alarm}, []}}).")
        for _ in range(2):
            with pytest.raises(Unavailable, match="until the deadline"):
                await bus.publish([message("1")], deadline(0.5))
        inbox = await consume(bus)
        assert (await inbox.take())[0].message.id == "before"
        own_rabbitmq.control("eval", f"rabbit_alarm:clear_alarm({alarm}).")
        await publish(bus, ["after"])
