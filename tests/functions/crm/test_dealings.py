"""What CRM promises of notes and interactions."""

from __future__ import annotations

from typing import Any

import pytest


def test_notes_are_read_newest_first_with_who_wrote_them(desk: Any) -> None:
    made = desk.customer()
    first, second = desk.note(made["id"], "likes tea"), desk.note(made["id"], "two\nlines")
    page = desk.ask("GET", f"/customers/{made['id']}/notes")
    assert page == {"notes": [second, first], "next": None}
    assert (first["author"], first["text"]) == ("desk", "likes tea")


def test_pages_give_every_note_once(desk: Any) -> None:
    made, other = desk.customer(), desk.customer("Bob")
    for number in range(7):
        desk.note(made["id"], f"{number}")
        desk.note(other["id"], "not Ada's")
    seen: list[str] = []
    query = "limit=3"
    while query:
        page = desk.ask("GET", f"/customers/{made['id']}/notes?{query}")
        seen += [note["text"] for note in page["notes"]]
        query = f"limit=3&before={page['next']}" if page["next"] else ""
        desk.note(made["id"], "written meanwhile")
    assert seen == list("6543210")


def test_a_note_leaves_the_customers_version_alone(desk: Any) -> None:
    made = desk.customer()
    desk.note(made["id"], "likes tea")
    desk.interaction(made["id"])
    assert desk.ask("GET", f"/customers/{made['id']}") == made


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "a" * 10_001, 5, None])
def test_what_is_no_note_is_refused_and_named(desk: Any, text: Any) -> None:
    at = f"/customers/{desk.customer()['id']}"
    problem = desk.ask("POST", f"{at}/notes", {"text": text}, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/text"]
    said = {"kind": "order", "channel": "web", "summary": text}
    problem = desk.ask("POST", f"{at}/interactions", said, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/summary"]


def test_an_interaction_is_kept_in_utc_and_happened_now_unless_said_otherwise(desk: Any) -> None:
    made = desk.customer()
    then = desk.interaction(made["id"], at="2016-07-02T10:00:00+02:00")
    assert then["at"] == "2016-07-02T08:00:00Z"
    now = desk.interaction(made["id"])
    assert now["at"] == now["created"]
    page = desk.ask("GET", f"/customers/{made['id']}/interactions")
    assert page == {"interactions": [now, then], "next": None}


def test_all_faults_of_an_interaction_are_named_at_once(desk: Any) -> None:
    wrong = {"kind": "x", "channel": "y", "at": "2016-07-02T10:00:00", "dog": 1}
    problem = desk.ask("POST", f"/customers/{desk.customer()['id']}/interactions", wrong, 422)
    named = sorted(fault["pointer"] for fault in problem["errors"])
    assert named == ["/at", "/channel", "/dog", "/kind", "/summary"]


def test_a_moment_that_utc_does_not_have_is_named(desk: Any) -> None:
    at = f"/customers/{desk.customer()['id']}/interactions"
    said = {"kind": "order", "channel": "web", "summary": "x", "at": "0001-01-01T00:00:00+14:00"}
    problem = desk.ask("POST", at, said, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/at"]
    problem = desk.ask("GET", f"{at}?at_before=9999-12-31T23:59:59-14:00", status=422)
    assert problem["errors"][0]["in"] == "query"


def test_pages_give_every_interaction_once_by_when_it_happened(desk: Any) -> None:
    """Also those of one moment, and those that were recorded late."""
    made = desk.customer()
    days = [3, 1, 2, 2, 2, 5, 1]
    for number, day in enumerate(days):
        desk.interaction(made["id"], f"{day} {number}", at=f"2016-07-0{day}T00:00:00Z")
    seen: list[str] = []
    query = "limit=2"
    while query:
        page = desk.ask("GET", f"/customers/{made['id']}/interactions?{query}")
        seen += [each["summary"] for each in page["interactions"]]
        query = f"limit=2&after={page['next']}" if page["next"] else ""
    assert seen == sorted((f"{day} {number}" for number, day in enumerate(days)), reverse=True)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("kind=order", ["late", "early"]),
        ("channel=web", ["early"]),
        ("kind=order&channel=phone", ["late"]),
        ("at_from=2016-07-02T00:00:00Z", ["late", "middle"]),
        ("at_before=2016-07-02T00:00:00Z", ["early"]),
        ("at_from=2016-07-02T00:00:00Z&at_before=2016-07-03T00:00:00Z", ["middle"]),
    ],
)
def test_a_filter_keeps_what_it_names(desk: Any, filters: str, expected: list[str]) -> None:
    id = desk.customer()["id"]
    desk.interaction(id, "late", kind="order", at="2016-07-03T00:00:00Z")
    desk.interaction(id, "early", kind="order", channel="web", at="2016-07-01T00:00:00Z")
    desk.interaction(id, "middle", at="2016-07-02T00:00:00Z")
    page = desk.ask("GET", f"/customers/{id}/interactions?{filters}")
    assert [each["summary"] for each in page["interactions"]] == expected
