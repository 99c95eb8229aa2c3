"""Merging a duplicate into a customer loses no data."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from tests.functions.crm.conftest import CrmClient


def merge(crm: CrmClient, into: str, gone: str, status: int = 200) -> Any:
    return crm.call("POST", f"/customers/{into}/merge", {"duplicate": gone}, status)


def test_merge_moves_notes_interactions_and_index(crm: CrmClient) -> None:
    kept, gone = crm.customer("Ada Lovelace"), crm.customer("Ada Lovelace")
    first, second = crm.note(kept["id"], "likes tea"), crm.note(gone["id"], "and cake")
    rang = crm.interaction(gone["id"], "ordered a loom")
    merge(crm, kept["id"], gone["id"])
    assert crm.call("GET", f"/customers/{kept['id']}/notes")["notes"] == [second, first]
    assert crm.call("GET", f"/customers/{kept['id']}/interactions")["interactions"] == [rang]
    assert crm.search("ada cake loom tea") == ["Ada Lovelace"]
    assert len(crm.call("GET", "/customers")["customers"]) == 1


def test_merge_fills_gaps_and_notes_differences(crm: CrmClient) -> None:
    gone = crm.customer(
        "Ada Byron", company="Engines", email="ada@old.example", phone="+441234567890"
    )
    kept = crm.customer("Ada Lovelace", email="ada@new.example", stage="customer")
    merged = merge(crm, kept["id"], gone["id"])
    assert (merged["name"], merged["email"]) == ("Ada Lovelace", "ada@new.example")
    assert (merged["company"], merged["phone"]) == ("Engines", "+441234567890")
    assert (merged["stage"], merged["version"]) == ("customer", 2)
    assert merged["created"] == gone["created"]
    assert crm.call("GET", f"/customers/{kept['id']}") == merged
    [note] = crm.notes(kept["id"])
    for text in (gone["id"], "name: Ada Byron", "email: ada@old.example", "stage: lead"):
        assert text in note
    assert crm.search("byron") == crm.search("old.example") == ["Ada Lovelace"]


def test_merged_id_points_to_the_remaining_customer(crm: CrmClient) -> None:
    kept, gone = crm.customer("kept"), crm.customer("gone")
    merge(crm, kept["id"], gone["id"])
    response = crm.send("GET", f"/customers/{gone['id']}")
    assert (response.status, response.headers["location"]) == (301, f"/customers/{kept['id']}")
    assert response.json() == {"merged_into": kept["id"]}
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
        assert f"/customers/{kept['id']}" in crm.call(method, path, body, 410)["detail"]


def test_impossible_merges_are_refused(crm: CrmClient) -> None:
    a, b, c = (crm.customer(name)["id"] for name in "abc")
    merged = merge(crm, a, b)
    assert merge(crm, a, b) == merged  # repeated: nothing changes
    assert len(crm.notes(a)) == 1
    assert a in merge(crm, c, b, 409)["detail"]
    merge(crm, b, a, 410)
    merge(crm, a, "0" * 32, 404)
    merge(crm, "0" * 32, a, 404)
    for wrong in (a, "x", "\0", "A" * 32, ""):
        assert merge(crm, a, wrong, 422)["errors"][0]["pointer"] == "/duplicate"
    assert crm.call("GET", f"/customers/{a}") == merged


def test_chain_of_merges_is_one_step_and_erased_together(crm: CrmClient) -> None:
    created = [crm.customer(f"number {number}") for number in range(4)]
    for gone, into in pairwise(created):
        merge(crm, into["id"], gone["id"])
    for gone in created[:3]:
        body = crm.send("GET", f"/customers/{gone['id']}").json()
        assert body == {"merged_into": created[3]["id"]}
    assert crm.search("number 0") == ["number 3"]
    crm.call("DELETE", f"/customers/{created[3]['id']}", status=204)
    for each in created:
        crm.call("GET", f"/customers/{each['id']}", status=404)


def test_merged_customer_is_no_duplicate_and_not_found(crm: CrmClient) -> None:
    kept, gone = crm.customer(email="a@example.org"), crm.customer(email="a@example.org")
    merge(crm, kept["id"], gone["id"])
    assert crm.call("GET", "/customers/duplicates")["duplicates"] == []
    assert crm.call("GET", f"/customers/{kept['id']}/duplicates") == []
    assert crm.search("ada") == ["Ada Lovelace"]
    assert crm.notes(kept["id"]) == []  # their details were equal


def test_one_of_two_opposite_merges_wins(crm: CrmClient) -> None:
    a, b = crm.customer("a"), crm.customer("b")
    responses = crm.send_together(
        [
            ("POST", f"/customers/{into['id']}/merge", {"duplicate": gone["id"]})
            for into, gone in [(a, b), (b, a)] * 4
        ]
    )
    statuses = sorted(response.status for response in responses)
    assert statuses == [200] * 4 + [410] * 4
    assert len(crm.call("GET", "/customers")["customers"]) == 1


@pytest.mark.parametrize("seed", range(3))
def test_concurrent_notes_survive_merges(crm: CrmClient, seed: int) -> None:
    """Every accepted note belongs to exactly one remaining customer, and can be searched."""
    chance = random.Random(seed)
    ids = [crm.customer(f"customer {number}")["id"] for number in range(6)]
    calls: list[tuple[str, str, Any]] = []
    for number in range(60):
        id, other = chance.sample(ids, 2)
        if number % 4:
            calls.append(("POST", f"/customers/{id}/notes", {"text": f"note{number:03}"}))
        else:
            calls.append(("POST", f"/customers/{id}/merge", {"duplicate": other}))
    responses = crm.send_together(calls)
    assert {response.status for response in responses} <= {200, 201, 409, 410}
    taken = sorted(response.json()["text"] for response in responses if response.status == 201)
    left = crm.call("GET", "/customers")["customers"]
    where = {note: customer for customer in left for note in crm.notes(customer["id"])}
    assert sorted(note for note in where if note.startswith("note")) == taken
    for note in taken:
        assert crm.search(note) == [where[note]["name"]]
    for id in ids:
        response = crm.send("GET", f"/customers/{id}")
        into = response.json().get("merged_into", id)
        assert into in [customer["id"] for customer in left]
