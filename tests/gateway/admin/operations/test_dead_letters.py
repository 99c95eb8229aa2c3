"""/v1/queues and /v1/replays: list, show, edit, replay and drop dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import LETTERS, sell
from tests.gateway.admin.test_openapi import assert_matches_schema
from tests.serving import until

from neurova_platform.testing.platform import TestPlatform

QUEUE = "/v1/queues/mail.send"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[TestPlatform]:
    """Run a project with two subscriptions."""
    with TestPlatform(LETTERS, tmp_path / "state") as platform:
        yield platform


def bury(platform: TestPlatform, *items: str) -> list[str]:
    """Sell items, run the subscriptions until events are dead; return the dead letters' ids."""
    failing = sum(each in ("broken", "unknown") for each in items)
    found: list[str] = []

    def are_dead() -> bool:
        settle(platform)
        found[:] = [each["id"] for each in get(platform, f"{QUEUE}/dead-letters")]
        return len(found) >= failing

    sell(platform, *items)
    until(are_dead)
    return found


def settle(platform: TestPlatform) -> None:
    platform.run_subscriptions()
    platform.clock.advance(5)
    platform.run_subscriptions()


def get(platform: TestPlatform, path: str) -> list[dict[str, Any]]:
    response = platform.admin("GET", path)
    assert response.status == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def replay(platform: TestPlatform, **body: Any) -> dict[str, Any]:
    response = platform.admin("POST", f"{QUEUE}/replays", json=body)
    assert response.status == 202, response.text
    started: dict[str, Any] = response.json()
    return started


def progress(platform: TestPlatform, replay: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = platform.admin("GET", f"/v1/replays/{replay['id']}").json()
    return found


def settle_replay(platform: TestPlatform, replay: dict[str, Any]) -> None:
    """Handle the events of a replay, which the platform sends in the background."""

    def is_settled() -> bool:
        settle(platform)
        return bool(progress(platform, replay)["waiting"] == 0)

    until(is_settled)


def audited(platform: TestPlatform) -> list[dict[str, Any]]:
    """Return the changes in the audit log."""
    lines = (platform.settings.state / "logs" / "audit.jsonl").read_text().splitlines()
    return [each for each in map(json.loads, lines) if "did" in each]


def test_responses_match_their_schemas(running: TestPlatform) -> None:
    (id,) = bury(running, "unknown")
    replayed = replay(running, ids=[id])["id"]
    settle(running)
    for template in (
        "/v1/queues",
        "/v1/queues/{queue}/dead-letters",
        "/v1/queues/{queue}/causes",
        "/v1/queues/{queue}/dead-letters/{id}",
        "/v1/replays/{replay_id}",
        "/v1/replays/{replay_id}/events",
    ):
        path = template.format(queue="mail.send", id=id, replay_id=replayed)
        assert_matches_schema(running, template, path)


def test_queues_show_depths(running: TestPlatform) -> None:
    bury(running, "broken", "tea")
    queues = {each["name"]: each for each in get(running, "/v1/queues")}
    assert set(queues) == {"mail.count", "mail.send"}
    assert queues["mail.count"]["ordered"] is True
    send = queues["mail.send"]
    assert (send["events"], send["dead"], send["ready"]) == (["shop.Sold"], 1, 0)


def test_dead_letters_are_listed_by_cause_in_pages(running: TestPlatform) -> None:
    bury(running, "broken", "unknown", "broken")
    page = running.admin("GET", f"{QUEUE}/dead-letters?cause=ValueError&limit=1").json()
    more = running.admin(
        "GET", f"{QUEUE}/dead-letters?cause=ValueError&cursor={page['next']}"
    ).json()
    assert len({each["id"] for each in page["items"] + more["items"]}) == 2
    assert more["next"] is None
    assert sorted(each["count"] for each in get(running, f"{QUEUE}/causes")) == [1, 2]


def test_dead_letter_shows_values_history_and_trace(running: TestPlatform) -> None:
    (id,) = bury(running, "broken")
    letter = running.admin("GET", f"{QUEUE}/dead-letters/{id}").json()
    assert letter["values"] == {"item": "broken", "buyer": "ada", "count": 1}
    assert [each["attempt"] for each in letter["failures"]] == [1, 2]
    assert letter["trace_id"] == running.events[0].trace_id


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"item": "tea", "buyer": "ada", "count": "two"}, "$.count"),
        ({"item": "tea", "buyer": "ada", "count": 2.5}, "$.count"),
        ({"item": None, "buyer": "ada", "count": 1}, "$.item"),
        ({"item": "tea", "count": 1}, "buyer"),
        ({"item": "tea", "buyer": "ada", "count": 1, "extra": 1}, "extra"),
        ({"item": "tea", "buyer": "ada", "count": 2**70}, "$.count"),
        ({"item": "x" * 300_000, "buyer": "ada", "count": 1}, "65536"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    running: TestPlatform, values: dict[str, Any], place: str
) -> None:
    (id,) = bury(running, "unknown")
    refused = running.admin("PATCH", f"{QUEUE}/dead-letters/{id}", json={"values": values})
    assert refused.status in (413, 422)
    assert place in refused.json()["detail"]
    assert running.admin("GET", f"{QUEUE}/dead-letters/{id}").json()["values"]["item"] == "unknown"
    assert audited(running) == []


def test_edited_event_is_handled_after_its_replay(running: TestPlatform) -> None:
    (id,) = bury(running, "unknown")
    values = {"item": "tea", "buyer": "ada", "count": 2}
    edited = running.admin("PATCH", f"{QUEUE}/dead-letters/{id}", json={"values": values})
    assert (edited.status, edited.json()["values"]) == (200, values)
    started = replay(running, ids=[id])
    assert (started["waiting"], started["handled"]) == (1, 0)
    settle_replay(running, started)
    assert progress(running, started)["handled"] == 1
    assert get(running, f"{QUEUE}/dead-letters") == []
    assert [(each["did"], each["ids"]) for each in audited(running)] == [
        ("edit dead letter", [id]),
        ("replay dead letters", [id]),
    ]


def test_replayed_group_is_fixed_and_dead_again_is_no_success(running: TestPlatform) -> None:
    first = bury(running, "broken", "unknown", "broken")
    started = replay(running, cause="ValueError")
    assert (started["total"], started["waiting"]) == (2, 2)
    sell(running, "broken")
    settle_replay(running, started)
    found = progress(running, started)
    assert (found["total"], found["dead"], found["handled"], found["waiting"]) == (2, 2, 0, 0)
    events = get(running, f"/v1/replays/{started['id']}/events")
    assert {each["id"] for each in events} < set(first)
    assert {each["status"] for each in events} == {"dead"}
    assert len(get(running, f"{QUEUE}/dead-letters")) == 4


def test_unknown_id_is_shown_as_missing(running: TestPlatform) -> None:
    (id,) = bury(running, "unknown")
    started = replay(running, ids=["none", id, id])
    assert (started["total"], started["missing"], started["waiting"]) == (2, 1, 1)


def test_dropped_event_of_an_ordered_subscription_lets_the_next_run(running: TestPlatform) -> None:
    sell(running, "unknown", "tea", "milk")
    settle(running)
    (letter,) = running.dead_letters("mail.count")
    path = f"/v1/queues/mail.count/dead-letters/{letter.id}"
    assert running.admin("DELETE", path).status == 200
    assert running.admin("DELETE", path).status == 404
    handled = [each for each in running.run_subscriptions() if each.subscription == "mail.count"]
    items = {each.id: each.values["item"] for each in running.events}
    assert [(each.outcome, items[each.id]) for each in handled] == [
        ("handled", "tea"),
        ("handled", "milk"),
    ]
    assert [each["did"] for each in audited(running)] == ["drop dead letter"]


def test_edited_event_of_an_ordered_subscription_keeps_its_place(running: TestPlatform) -> None:
    sell(running, "unknown", "tea")
    settle(running)
    (letter,) = running.dead_letters("mail.count")
    values = {"item": "milk", "buyer": "bob", "count": 1}  # changes the event's key
    path = "/v1/queues/mail.count"
    edited = running.admin("PATCH", f"{path}/dead-letters/{letter.id}", json={"values": values})
    assert edited.status == 200
    assert running.admin("POST", f"{path}/replays", json={"ids": [letter.id]}).status == 202
    records = [each for each in running.run_subscriptions() if each.subscription == "mail.count"]
    first, second = (each.id for each in running.events)
    assert [(each.outcome, each.id) for each in records] == [
        ("handled", first),
        ("handled", second),
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/queues/mail.none/dead-letters", None, 404),
        ("GET", f"{QUEUE}/dead-letters/none", None, 404),
        ("PATCH", f"{QUEUE}/dead-letters/none", {"values": {}}, 404),
        ("DELETE", f"{QUEUE}/dead-letters/none", None, 404),
        ("POST", "/v1/queues/mail.none/replays", {"cause": "x"}, 404),
        ("POST", f"{QUEUE}/replays", {}, 422),
        ("POST", f"{QUEUE}/replays", {"ids": ["1"], "cause": "x"}, 422),
        ("POST", f"{QUEUE}/replays", {"cause": "x", "rate": 0}, 422),
        ("GET", "/v1/replays/none", None, 404),
    ],
)
def test_refusals(running: TestPlatform, method: str, path: str, body: Any, status: int) -> None:
    options = {} if body is None else {"json": body}
    assert running.admin(method, path, **options).status == status  # type: ignore[arg-type]  # one of the options
