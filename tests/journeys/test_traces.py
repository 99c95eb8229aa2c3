"""A call that publishes an event has one linked trace, up to the replay of its dead letter."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.conftest import LETTERS
from tests.servers.jaeger import Jaeger, jaeger

from neurova.subscriptions.records import EventRecord
from neurova.traces.base import TraceFilter, describe_span
from neurova_platform.composition.platform import Platform
from neurova_platform.composition.trace_stores import open_reader
from neurova_platform.settings.loading import load
from neurova_platform.testing.client import request

__all__ = ["jaeger"]  # a fixture

CALLS = 1_000
BROKEN_EVERY = 50
TIMEOUT = 240.0


class Seen(NamedTuple):
    """A span as the trace store returns it."""

    id: str
    parent: str
    name: str
    attributes: Mapping[str, Any]


Read = Callable[[], Mapping[str, Sequence[Seen]]]


@asynccontextmanager
async def running(flags: dict[str, Any], count: Counter[str]) -> AsyncIterator[Platform]:
    """Run the project with its subscriptions; count the outcomes of the two mail subscriptions."""

    def report(record: EventRecord) -> None:
        count[f"{record.subscription} {record.outcome}"] += 1

    platform = Platform(
        load(LETTERS, environ={}, flags=flags),
        environment="test",
        migrate=True,
        event_roles=["subscriptions", "relay"],
        report_event=report,
    )
    await platform.start()
    try:
        yield platform
    finally:
        await platform.stop()


async def wait_for(count: Counter[str], **expected: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while any(count[f"mail.{key.replace('_', ' ')}"] < n for key, n in expected.items()):
            await asyncio.sleep(0.05)


async def sell_and_repair(platform: Platform, count: Counter[str]) -> None:
    """Make all calls; edit and replay the dead letters of `mail.send`."""
    broken = CALLS // BROKEN_EVERY
    for number in range(CALLS):
        item = "tea" if number % BROKEN_EVERY else "broken"
        path = f"/sell/{item}/buyer{number}"
        response = await request(platform.asgi, "POST", path, {"host": "test"}, b"")
        assert response.status == 204, response.text
    fine = CALLS - broken
    await wait_for(count, send_handled=fine, count_handled=fine, send_dead=broken)
    letters = platform.events.dead_letters()
    ids = [each.id for each in await letters.search("mail.send")]
    for id in ids:
        shown = await letters.show("mail.send", id)
        await letters.edit("mail.send", id, {**(shown.values or {}), "item": "tea"})
    assert len(await letters.replay("mail.send", ids)) == broken
    await wait_for(count, send_handled=CALLS)


def read_store(flags: dict[str, Any]) -> Mapping[str, Sequence[Seen]]:
    store = open_reader(load(LETTERS, environ={}, flags=flags))
    try:
        traces, position = [], None
        while True:
            found, position = store.list(TraceFilter(), 500, position)
            traces += [each.trace_id for each in found]
            if position is None:
                break
        spans = {id: map(describe_span, store.find(id)) for id in traces}
        return {
            id: [Seen(each.span_id, each.parent_id, each.name, each.attributes) for each in found]
            for id, found in spans.items()
        }
    finally:
        store.close()


def read_jaeger(server: Jaeger, service: str) -> Mapping[str, Sequence[Seen]]:
    def seen(span: dict[str, Any]) -> Seen:
        parents = [each["spanID"] for each in span["references"]]
        tags = {each["key"]: each["value"] for each in span["tags"]}
        return Seen(span["spanID"], (parents or [""])[0], span["operationName"], tags)

    found = server.traces(service)
    return {id: [seen(each) for each in spans] for id, spans in found.items()}


async def check(flags: dict[str, Any], read: Read, system: str) -> None:
    count: Counter[str] = Counter()
    async with running(flags, count) as platform:
        await sell_and_repair(platform, count)
        traces = platform.traces
    assert (traces.dropped, traces.waiting) == (0, 0)
    found = {id: spans for id, spans in read().items() if spans[0].name != "GET"}
    assert len(found) == CALLS
    replayed = 0
    for spans in found.values():
        ids = {each.id for each in spans}
        names = Counter(each.name for each in spans)
        (root,) = (each for each in spans if not each.parent)
        assert root.name == "POST /sell/{item}/{buyer}"
        assert all(each.parent in ids for each in spans if each is not root)
        expected = ["plugin neurova-auth", "shop.sell", "COMMIT", "create shop.Sold"]
        expected += ["send shop.Sold", "process mail.send", "process mail.count"]
        assert {name: names[name] for name in expected if not names[name]} == {}
        sends = [each.attributes for each in spans if each.name == "process mail.send"]
        assert {each["messaging.system"] for each in sends} == {system}
        if "broken" in root.attributes["url.path"]:
            replayed += 1
            outcomes = [each["neurova.outcome"] for each in sends]
            assert sorted(outcomes) == ["dead", "handled", "retry"]
            (last,) = (each for each in sends if each["neurova.outcome"] == "handled")
            assert str(last["neurova.replayed"]).lower() == "true"
    assert replayed == CALLS // BROKEN_EVERY


async def test_calls_leave_linked_traces_in_the_store(tmp_path: Path) -> None:
    flags = {"project.state": str(tmp_path / "state")}
    await check(flags, lambda: read_store(flags), "neurova")


@pytest.mark.server
async def test_calls_leave_linked_traces_in_jaeger(
    tmp_path: Path, jaeger: Jaeger, rabbitmq_url: str
) -> None:
    flags = {
        "project.state": str(tmp_path / "state"),
        "project.name": "letters on RabbitMQ",
        "bus.url": rabbitmq_url,
        "traces.url": jaeger.url,
    }
    await check(flags, lambda: read_jaeger(jaeger, "letters on RabbitMQ"), "rabbitmq")
