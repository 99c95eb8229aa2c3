"""What CRM promises when two customers become one."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest


def merge(desk: Any, into: str, gone: str, status: int = 200) -> Any:
    return desk.ask("POST", f"/customers/{into}/merge", {"duplicate": gone}, status)


def test_notes_and_interactions_move_and_find_the_one_that_is_left(desk: Any) -> None:
    kept, gone = desk.customer("Ada Lovelace"), desk.customer("Ada Lovelace")
    first, second = desk.note(kept["id"], "likes tea"), desk.note(gone["id"], "and cake")
    rang = desk.interaction(gone["id"], "ordered a loom")
    merge(desk, kept["id"], gone["id"])
    assert desk.ask("GET", f"/customers/{kept['id']}/notes")["notes"] == [second, first]
    assert desk.ask("GET", f"/customers/{kept['id']}/interactions")["interactions"] == [rang]
    assert desk.found("ada cake loom tea") == ["Ada Lovelace"]
    assert len(desk.ask("GET", "/customers")["customers"]) == 1


def test_the_one_that_is_left_takes_what_it_lacks_and_notes_what_differs(desk: Any) -> None:
    gone = desk.customer(
        "Ada Byron", company="Engines", email="ada@old.example", phone="+441234567890"
    )
    kept = desk.customer("Ada Lovelace", email="ada@new.example", stage="customer")
    merged = merge(desk, kept["id"], gone["id"])
    assert (merged["name"], merged["email"]) == ("Ada Lovelace", "ada@new.example")
    assert (merged["company"], merged["phone"]) == ("Engines", "+441234567890")
    assert (merged["stage"], merged["version"]) == ("customer", 2)
    assert merged["created"] == gone["created"]
    assert desk.ask("GET", f"/customers/{kept['id']}") == merged
    [note] = desk.notes(kept["id"])
    for said in (gone["id"], "name: Ada Byron", "email: ada@old.example", "stage: lead"):
        assert said in note
    assert desk.found("byron") == desk.found("old.example") == ["Ada Lovelace"]


def test_of_equal_customers_nothing_is_left_to_note(desk: Any) -> None:
    kept, gone = desk.customer(email="ada@example.org"), desk.customer(email="ada@example.org")
    merge(desk, kept["id"], gone["id"])
    assert desk.notes(kept["id"]) == []


def test_a_merged_id_says_who_it_is_now(desk: Any) -> None:
    kept, gone = desk.customer("kept"), desk.customer("gone")
    merge(desk, kept["id"], gone["id"])
    answer = desk.answer("GET", f"/customers/{gone['id']}")
    assert (answer.status, answer.headers["location"]) == (301, f"/customers/{kept['id']}")
    assert answer.json() == {"merged_into": kept["id"]}
    at = f"/customers/{gone['id']}"
    interaction = {"kind": "order", "channel": "web", "summary": "x"}
    for method, path, body in [
        ("PATCH", at, {"version": 1}),
        ("DELETE", at, None),
        ("GET", f"{at}/notes", None),
        ("POST", f"{at}/notes", {"text": "x"}),
        ("GET", f"{at}/interactions", None),
        ("POST", f"{at}/interactions", interaction),
        ("GET", f"{at}/duplicates", None),
        ("POST", f"{at}/merge", {"duplicate": kept["id"]}),
    ]:
        assert f"/customers/{kept['id']}" in desk.ask(method, path, body, 410)["detail"]


def test_to_merge_twice_is_once(desk: Any) -> None:
    kept, gone = desk.customer("kept"), desk.customer("gone")
    merged = merge(desk, kept["id"], gone["id"])
    assert merge(desk, kept["id"], gone["id"]) == merged
    assert len(desk.notes(kept["id"])) == 1


def test_a_customer_is_not_merged_into_itself_nor_in_a_circle(desk: Any) -> None:
    a, b = desk.customer("a"), desk.customer("b")
    problem = merge(desk, a["id"], a["id"], 422)
    assert problem["errors"][0]["pointer"] == "/duplicate"
    merge(desk, a["id"], b["id"])
    merge(desk, b["id"], a["id"], 410)
    assert desk.ask("GET", f"/customers/{a['id']}")["name"] == "a"


def test_what_was_merged_elsewhere_is_not_merged_again(desk: Any) -> None:
    a, b, c = desk.customer("a"), desk.customer("b"), desk.customer("c")
    merge(desk, a["id"], b["id"])
    assert a["id"] in merge(desk, c["id"], b["id"], 409)["detail"]


def test_from_any_merged_id_it_is_one_step_to_whom_it_is_now(desk: Any) -> None:
    made = [desk.customer(f"number {number}") for number in range(4)]
    for gone, into in pairwise(made):
        merge(desk, into["id"], gone["id"])
    for gone in made[:3]:
        said = desk.answer("GET", f"/customers/{gone['id']}").json()
        assert said == {"merged_into": made[3]["id"]}
    assert desk.found("number 0") == ["number 3"]


def test_who_is_not_there_cannot_be_merged(desk: Any) -> None:
    made = desk.customer()
    merge(desk, made["id"], "0" * 32, 404)
    merge(desk, "0" * 32, made["id"], 404)
    for wrong in ("x", "\0", "A" * 32, ""):
        problem = merge(desk, made["id"], wrong, 422)
        assert problem["errors"][0]["pointer"] == "/duplicate"
    assert desk.ask("GET", f"/customers/{made['id']}") == made


def test_who_is_erased_takes_the_merged_along(desk: Any) -> None:
    a, b, c = desk.customer("a"), desk.customer("b"), desk.customer("c")
    merge(desk, b["id"], a["id"])
    merge(desk, c["id"], b["id"])
    desk.ask("DELETE", f"/customers/{c['id']}", status=204)
    for each in (a, b, c):
        desk.ask("GET", f"/customers/{each['id']}", status=404)


def test_who_was_merged_is_nobodys_duplicate_nor_found(desk: Any) -> None:
    kept, gone = desk.customer(email="a@example.org"), desk.customer(email="a@example.org")
    merge(desk, kept["id"], gone["id"])
    assert desk.ask("GET", "/customers/duplicates")["duplicates"] == []
    assert desk.ask("GET", f"/customers/{kept['id']}/duplicates") == []
    assert desk.found("ada") == ["Ada Lovelace"]


def test_of_two_merges_against_each_other_one_is_made(desk: Any) -> None:
    a, b = desk.customer("a"), desk.customer("b")
    answers = desk.together(
        [
            ("POST", f"/customers/{into['id']}/merge", {"duplicate": gone["id"]})
            for into, gone in [(a, b), (b, a)] * 4
        ]
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] * 4 + [410] * 4
    assert len(desk.ask("GET", "/customers")["customers"]) == 1


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_noted_while_customers_are_merged_nothing_is_lost(desk: Any, seed: int) -> None:
    """Every note that was taken is on exactly one customer who is there, and finds that one."""
    chance = random.Random(seed)
    ids = [desk.customer(f"customer {number}")["id"] for number in range(6)]
    calls: list[tuple[str, str, Any]] = []
    for number in range(60):
        id, other = chance.sample(ids, 2)
        if number % 4:
            calls.append(("POST", f"/customers/{id}/notes", {"text": f"note{number:03}"}))
        else:
            calls.append(("POST", f"/customers/{id}/merge", {"duplicate": other}))
    answers = desk.together(calls)
    assert {answer.status for answer in answers} <= {200, 201, 409, 410}
    taken = sorted(answer.json()["text"] for answer in answers if answer.status == 201)
    left = desk.ask("GET", "/customers")["customers"]
    where = {note: customer for customer in left for note in desk.notes(customer["id"])}
    assert sorted(note for note in where if note.startswith("note")) == taken
    for note in taken:
        assert desk.found(note) == [where[note]["name"]]
    for id in ids:
        answer = desk.answer("GET", f"/customers/{id}")
        into = answer.json().get("merged_into", id)
        assert into in [customer["id"] for customer in left]
