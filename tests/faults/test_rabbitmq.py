"""Killing RabbitMQ during publishing and consuming loses no message and repeats no effect.

`make faults` runs the long form.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.contracts.buses import MAIL, deadline, declare, message
from tests.faults.test_events import kill_randomly, numbers, project, selling
from tests.servers.rabbitmq import RabbitServer
from tests.serving import neurova, port_of, serving, until

from neurova.bus.base import Delivery
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.errors import NeurovaError

pytestmark = pytest.mark.server

__all__ = ["project"]  # a fixture

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
KILLS, MESSAGES, PROCESS_KILLS = (20, 50_000, 50) if LONG else (3, 3_000, 1)
BATCH = 100


async def test_no_confirmed_message_is_lost_when_the_broker_is_killed(
    own_rabbitmq: RabbitServer,
) -> None:
    bus = RabbitBus(own_rabbitmq.create())
    await bus.start()
    await declare(bus)
    own_rabbitmq.sync()
    confirmed: list[str] = []
    received: Counter[str] = Counter()

    def receive(delivery: Delivery) -> None:
        received[delivery.message.id] += 1
        bus.spawn(bus.ack(delivery))

    async def publish() -> None:
        for start in itertools.count(step=BATCH):
            ids = [str(start + number) for number in range(BATCH)]
            with suppress(NeurovaError):
                await bus.publish([message(id) for id in ids], deadline(5))
                confirmed.extend(ids)

    await bus.consume(MAIL.name, 100, receive)
    publishing = asyncio.create_task(publish())
    for kill in range(KILLS):
        target = max(len(confirmed), MESSAGES * kill // KILLS) + random.randint(1, 500)
        await wait_until(lambda target=target: len(confirmed) >= target)
        own_rabbitmq.kill()
        await asyncio.to_thread(own_rabbitmq.start)
    await wait_until(lambda: len(confirmed) >= MESSAGES)
    publishing.cancel()
    await wait_until(lambda: all(id in received for id in confirmed))
    repeated = sum(count > 1 for count in received.values())
    print(f"{KILLS} kills: {len(confirmed)} messages confirmed, 0 lost, {repeated} delivered again")
    await bus.close()


async def wait_until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not is_true():
            await asyncio.sleep(0.05)


def test_killed_broker_and_processes_lose_and_repeat_no_effect(
    project: Path, own_rabbitmq: RabbitServer
) -> None:
    neurova(project, "db", "upgrade")
    with serving(project, "run", variables={"NEUROVA_BUS_URL": own_rabbitmq.create()}) as run:
        ready = run.event("ready")
        started = [each for each in run.events if each.get("what") == "started"]
        children = {each["name"]: each["pid"] for each in started if each["name"] != "admin"}
        with selling(port_of(ready)) as answered:
            until(lambda: bool(numbers(project, "mail", "sent")))
            own_rabbitmq.sync()
            for _ in range(KILLS):
                for _ in range(PROCESS_KILLS):
                    kill_randomly(run, answered, children)
                own_rabbitmq.kill()
                own_rabbitmq.start()
        sold = sorted(numbers(project, "shop", "sold"))
        while (sent := len(numbers(project, "mail", "sent"))) < len(sold):
            until(lambda sent=sent: len(numbers(project, "mail", "sent")) > sent)
        assert run.end()[0] == 0
    assert set(answered) <= set(sold)
    assert sorted(numbers(project, "mail", "sent")) == sold
    print(
        f"{KILLS} kills of RabbitMQ, {KILLS * PROCESS_KILLS} of processes: "
        f"{len(sold)} events, each with its effect once"
    )
