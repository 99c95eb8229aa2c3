"""Notes and interactions are stored, and listed in pages."""

from __future__ import annotations

from typing import Any

import pytest
from tests.functions.crm.conftest import CrmClient


def test_notes_are_listed_newest_first_with_author(crm: CrmClient) -> None:
    created = crm.customer()
    first, second = crm.note(created["id"], "likes tea"), crm.note(created["id"], "two\nlines")
    page = crm.call("GET", f"/customers/{created['id']}/notes")
    assert page == {"notes": [second, first], "next": None}
    assert (first["author"], first["text"]) == ("desk", "likes tea")
    crm.interaction(created["id"])
    assert crm.call("GET", f"/customers/{created['id']}") == created  # version unchanged


def test_pages_have_every_note_once(crm: CrmClient) -> None:
    created, other = crm.customer(), crm.customer("Bob")
    for number in range(7):
        crm.note(created["id"], f"{number}")
        crm.note(other["id"], "not Ada's")
    listed: list[str] = []
    for page in crm.pages(f"/customers/{created['id']}/notes?limit=3", "before"):
        listed += [note["text"] for note in page["notes"]]
        crm.note(created["id"], "written meanwhile")
    assert listed == list("6543210")


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "a" * 10_001, 5, None])
def test_invalid_text_is_refused_and_named(crm: CrmClient, text: Any) -> None:
    at = f"/customers/{crm.customer()['id']}"
    problem = crm.call("POST", f"{at}/notes", {"text": text}, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/text"]
    body = {"kind": "order", "channel": "web", "summary": text}
    problem = crm.call("POST", f"{at}/interactions", body, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/summary"]


def test_interaction_is_stored_in_utc_and_defaults_to_now(crm: CrmClient) -> None:
    created = crm.customer()
    then = crm.interaction(created["id"], at="2016-07-02T10:00:00+02:00")
    assert then["at"] == "2016-07-02T08:00:00Z"
    now = crm.interaction(created["id"])
    assert now["at"] == now["created"]
    page = crm.call("GET", f"/customers/{created['id']}/interactions")
    assert page == {"interactions": [now, then], "next": None}


def test_all_faults_of_an_interaction_are_named_at_once(crm: CrmClient) -> None:
    wrong = {"kind": "x", "channel": "y", "at": "2016-07-02T10:00:00", "dog": 1}
    problem = crm.call("POST", f"/customers/{crm.customer()['id']}/interactions", wrong, 422)
    named = sorted(fault["pointer"] for fault in problem["errors"])
    assert named == ["/at", "/channel", "/dog", "/kind", "/summary"]


def test_time_out_of_range_is_named(crm: CrmClient) -> None:
    at = f"/customers/{crm.customer()['id']}/interactions"
    body = {"kind": "order", "channel": "web", "summary": "x", "at": "0001-01-01T00:00:00+14:00"}
    problem = crm.call("POST", at, body, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == ["/at"]
    problem = crm.call("GET", f"{at}?at_before=9999-12-31T23:59:59-14:00", status=422)
    assert problem["errors"][0]["in"] == "query"


def test_pages_have_every_interaction_once_by_time(crm: CrmClient) -> None:
    """This includes interactions with equal times, and ones recorded late."""
    created = crm.customer()
    days = [3, 1, 2, 2, 2, 5, 1]
    for number, day in enumerate(days):
        crm.interaction(created["id"], f"{day} {number}", at=f"2016-07-0{day}T00:00:00Z")
    pages = crm.pages(f"/customers/{created['id']}/interactions?limit=2")
    listed = [each["summary"] for page in pages for each in page["interactions"]]
    assert listed == sorted((f"{day} {number}" for number, day in enumerate(days)), reverse=True)


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
def test_list_is_filtered(crm: CrmClient, filters: str, expected: list[str]) -> None:
    id = crm.customer()["id"]
    crm.interaction(id, "late", kind="order", at="2016-07-03T00:00:00Z")
    crm.interaction(id, "early", kind="order", channel="web", at="2016-07-01T00:00:00Z")
    crm.interaction(id, "middle", at="2016-07-02T00:00:00Z")
    page = crm.call("GET", f"/customers/{id}/interactions?{filters}")
    assert [each["summary"] for each in page["interactions"]] == expected
