"""Repairing dead letters, on every backend of the bus."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.buses import BACKENDS, MAIL, PARAMETERS, OpenBus, deadline, eventually

from neurova import Event, Reject, Tx, on
from neurova.bus.base import Bus, Message
from neurova.database.migrations import upgrade_platform
from neurova.database.sqlite.database import SqliteDatabase
from neurova.dead_letters.letters import DeadLetters, NotFound
from neurova.dead_letters.replays import Replays, RunningReplay
from neurova.events.codec import InvalidEvent, codec_of, with_head
from neurova.functions.decorators import description_of
from neurova.resources import Resources
from neurova.schemas.cache import SchemaCache
from neurova.schemas.sqlite import SqliteRegistry
from neurova.subscriptions.function import Definition, SubscriptionFunction
from neurova.subscriptions.records import EventRecord
from neurova.subscriptions.runner import SubscriptionRunner


class Created(Event, source="booking"):
    number: int


class Repair:
    """A subscription that dead-letters the events whose numbers are in `broken`."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self.bus = bus
        self.broken: set[int] = set()
        self.records: list[EventRecord] = []
        upgrade_platform(folder / "crm.db")
        self.database = SqliteDatabase(folder / "crm.db")
        self.schemas = SchemaCache(SqliteRegistry(folder / "registry.db"))
        self.letters = DeadLetters(
            self._bus, self.schemas.find, lambda _: self.database, lambda: [MAIL]
        )
        self.replays = Replays()

        @on(Created)
        async def mail(created: Created, tx: Tx) -> None:
            if created.number in self.broken:
                raise Reject(422, f"number {created.number}")

        resources = Resources(database=lambda: self.database)
        function = SubscriptionFunction(
            Definition(mail, description_of(mail), "crm", "mail.py", resources)  # type: ignore[arg-type]  # of `on`
        )
        self.runner = SubscriptionRunner(function, bus, self.schemas, self.records.append)

    async def _bus(self) -> Bus:
        return self.bus

    async def bury(self, count: int) -> list[str]:
        """Publish events that become dead letters; return their ids in numeric order."""
        self.broken = set(range(count))
        codec = codec_of(Created)
        schema = await self.schemas.register(codec.name, codec.schema)
        bodies = [with_head(schema, codec.encode(Created(each)).body) for each in range(count)]
        messages = [
            Message(f"id{number:02}", codec.name, body, 1.5, "2a")
            for number, body in enumerate(bodies)
        ]
        await self.bus.publish(messages, deadline())

        async def are_dead() -> bool:
            return len(await self.letters.search(MAIL.name)) == count

        await eventually(are_dead)
        self.records.clear()
        return [each.id for each in messages]

    async def settle(self, replay: RunningReplay) -> None:
        async def is_finished() -> bool:
            return (await replay.progress()).is_finished

        await eventually(is_finished)

    def handled(self) -> Counter[str]:
        return Counter(each.id for each in self.records if each.outcome == "handled")


@pytest.fixture(params=PARAMETERS)
def open_bus(request: pytest.FixtureRequest) -> OpenBus:
    return BACKENDS[request.param](request)


@pytest.fixture
async def repair(open_bus: OpenBus, tmp_path: Path) -> AsyncIterator[Repair]:
    bus = open_bus()
    await bus.start()
    await bus.declare([MAIL], deadline())
    repair = Repair(bus, tmp_path)
    await repair.runner.start()
    yield repair
    await repair.runner.stop(5)
    await bus.close()
    await repair.database.close()
    repair.schemas.close()


async def test_edited_and_replayed_events_end_handled_or_dead(repair: Repair) -> None:
    ids = await repair.bury(5)
    await repair.letters.edit(MAIL.name, ids[0], {"number": 10})
    shown = await repair.letters.show(MAIL.name, ids[0])
    assert (shown.values, shown.trace_id, len(shown.failures)) == ({"number": 10}, "2a", 1)
    repair.broken = {1}
    replay = repair.replays.start(repair.letters, MAIL.name, ids, 1_000)
    await repair.settle(replay)
    found = await replay.progress()
    assert (found.handled, found.dead, found.missing, found.error) == (4, 1, 0, "")
    (dead,) = await repair.letters.search(MAIL.name)
    assert (dead.id, dead.cause) == (ids[1], "Reject: 422 number 1")
    assert repair.handled() == Counter(ids[:1] + ids[2:])


async def test_values_that_do_not_fit_change_nothing(repair: Repair) -> None:
    (id,) = await repair.bury(1)
    with pytest.raises(InvalidEvent, match=r"\$\.number"):
        await repair.letters.edit(MAIL.name, id, {"number": "ten"})
    with pytest.raises(NotFound):
        await repair.letters.edit(MAIL.name, "none", {"number": 1})
    assert (await repair.letters.show(MAIL.name, id)).values == {"number": 0}


async def test_replay_that_ends_midway_can_be_completed(repair: Repair) -> None:
    """No event is lost and none is handled twice."""
    ids = await repair.bury(12)
    repair.broken = set()
    replay = repair.replays.start(repair.letters, MAIL.name, ids, 5)

    async def is_midway() -> bool:
        return (await replay.progress()).remaining < len(ids)

    await eventually(is_midway)
    replay.task.cancel()
    await asyncio.wait([replay.task])
    rest = [each.id for each in await repair.letters.search(MAIL.name)]
    assert 0 < len(rest) < len(ids)
    await repair.settle(repair.replays.start(repair.letters, MAIL.name, rest, 1_000))
    await repair.settle(repair.replays.start(repair.letters, MAIL.name, ids, 1_000))
    statuses = await repair.letters.statuses(MAIL.name, ids)
    assert set(statuses.values()) == {"handled"}
    assert repair.handled() == Counter(ids)


async def test_dropped_event_is_gone(repair: Repair) -> None:
    ids = await repair.bury(3)
    assert await repair.letters.drop(MAIL.name, [ids[1], "none"]) == [ids[1]]
    assert [each.id for each in await repair.letters.search(MAIL.name)] == [ids[0], ids[2]]
