"""Customers are created, changed, listed and erased."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.functions.crm.conftest import CrmClient

WHOLE = {
    "name": "Ada Lovelace",
    "company": "Analytical Engines",
    "email": "ada@example.org",
    "phone": "+441234567890",
    "stage": "customer",
}


def test_customer_is_read_back_as_created(crm: CrmClient) -> None:
    created = crm.customer(**WHOLE)
    assert created == {**created, **WHOLE, "version": 1}
    assert crm.call("GET", f"/customers/{created['id']}") == created
    named = crm.customer("Ada")
    assert named == {**named, "stage": "lead", "company": "", "email": None, "phone": None}
    for id in ("x", "0" * 32, "'", "a" * 300):
        crm.call("GET", f"/customers/{id}", status=404)


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        ("name", "  Ada \n Lovelace ", "Ada Lovelace"),
        ("company", " Analytical  Engines", "Analytical Engines"),
        ("email", "Ada.L@Example.ORG", "ada.l@example.org"),
        ("phone", "+44 (0)1234 / 567-890", "+441234567890"),
        ("phone", "+1.212.555.0100", "+12125550100"),
    ],
)
def test_values_are_normalized(crm: CrmClient, field: str, sent: str, stored: str) -> None:
    created = crm.customer(**{"name": "Ada", field: sent})
    assert created[field] == stored
    changed = crm.call("PATCH", f"/customers/{created['id']}", {"version": 1, field: sent})
    assert changed[field] == stored


INVALID = {
    "name": ["", " \t ", "\x1c\x85\ufeff", "a\0b", "a" * 201],
    "company": ["\0"],
    "email": ["ada", "ada@example", "ada@@example.org", "ada @example.org", "ada@example..org",
              "ada@exa\x1cmple.org", "ada@example.org\x85", "a" * 250 + "@x.org"],
    "phone": ["01234567890", "+44 1234", "+1234567890123456", "+44 call me"],
    "stage": ["friend"],
    "id": ["0" * 32],
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wrong"), [(field, wrong) for field, values in INVALID.items() for wrong in values]
)
def test_invalid_value_is_refused_and_named(crm: CrmClient, field: str, wrong: str) -> None:
    fields = {"name": "Ada", field: wrong}
    assert pointers(crm.call("POST", "/customers", fields, 422)) == [f"/{field}"]
    created = crm.customer()
    change = {"version": 1, field: wrong}
    assert pointers(crm.call("PATCH", f"/customers/{created['id']}", change, 422)) == [f"/{field}"]


def pointers(problem: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]


def test_all_faults_are_named_at_once_in_words(crm: CrmClient) -> None:
    wrong = {"company": 1, "email": "x", "phone": "01234 567890", "stage": "z", "dog": True}
    named = pointers(crm.call("POST", "/customers", wrong, 422))
    assert sorted(named) == ["/company", "/dog", "/email", "/name", "/phone", "/stage"]
    wrong = {"name": " ", "email": "x", "phone": "y"}
    faults = crm.call("POST", "/customers", wrong, 422)["errors"]
    faults += crm.call("GET", "/customers?email=x", status=422)["errors"]
    assert [fault["message"].startswith("must be a") for fault in faults] == [True] * 4


def test_times_are_utc_and_changes_are_dated(crm: CrmClient) -> None:
    before = datetime.now(UTC)
    created = crm.customer()
    changed = crm.call("PATCH", f"/customers/{created['id']}", {"version": 1, "stage": "former"})
    first, last = (datetime.fromisoformat(changed[name]) for name in ("created", "changed"))
    assert created["created"] == changed["created"]
    assert changed["created"].endswith("Z")
    assert before <= first <= last <= datetime.now(UTC)
    assert crm.call("GET", f"/customers/{created['id']}") == changed


def test_change_sets_given_fields_and_null_removes(crm: CrmClient) -> None:
    created = crm.customer(**WHOLE)
    change = {"version": 1, "name": "Ada King", "email": None}
    changed = crm.call("PATCH", f"/customers/{created['id']}", change)
    assert changed == {
        **created, "name": "Ada King", "email": None, "version": 2, "changed": changed["changed"]
    }  # fmt: skip
    problem = crm.call("PATCH", f"/customers/{created['id']}", {"version": 2, "name": None}, 422)
    assert pointers(problem) == ["/name"]


def test_change_of_another_version_is_refused(crm: CrmClient) -> None:
    created = crm.customer()
    at = f"/customers/{created['id']}"
    crm.call("PATCH", at, {"version": 1, "company": "first"})
    problem = crm.call("PATCH", at, {"version": 1, "company": "second"}, 409)
    assert "version 2" in problem["detail"]
    assert pointers(crm.call("PATCH", at, {"company": "third"}, 422)) == ["/version"]
    assert crm.call("GET", at)["company"] == "first"


def test_one_of_many_concurrent_changes_wins(crm: CrmClient) -> None:
    created = crm.customer()
    changes = [
        ("PATCH", f"/customers/{created['id']}", {"version": 1, "company": f"firm {number}"})
        for number in range(8)
    ]
    responses = crm.send_together(changes)
    assert sorted(response.status for response in responses) == [200] + [409] * 7
    [won] = [response.json() for response in responses if response.status == 200]
    assert crm.call("GET", f"/customers/{created['id']}") == won


def test_pages_have_every_customer_once_despite_erasure(crm: CrmClient) -> None:
    created = [crm.customer(f"number {number}") for number in range(7)]
    pages: list[list[str]] = []
    for page in crm.pages("/customers?limit=3"):
        pages.append([customer["name"] for customer in page["customers"]])
        crm.call("DELETE", f"/customers/{page['customers'][-1]['id']}", status=204)
    names = [customer["name"] for customer in created]
    assert pages == [names[:3], names[3:6], names[6:]]
    assert crm.call("GET", "/customers?limit=4")["next"] is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("stage=customer", ["b"]),
        ("company=Engines", ["a", "b"]),
        ("company=%20Engines%20&stage=lead", ["a"]),
        ("email=SHARED@example.org", ["a", "c"]),
        ("phone=%2B44%201234%20567890", ["b", "c"]),
        ("phone=%2B441234567890&email=shared@example.org", ["c"]),
        ("company=engine", []),
        ("changed_from=2000-01-01T00:00:00Z&stage=lead", ["a", "c"]),
        ("changed_from=9999-01-01T00:00:00Z", []),
    ],
)
def test_list_is_filtered(crm: CrmClient, filters: str, expected: list[str]) -> None:
    crm.customer("a", company="Engines", email="shared@example.org")
    crm.customer("b", company="Engines", phone="+441234567890", stage="customer")
    crm.customer("c", email="shared@example.org", phone="+441234567890")
    page = crm.call("GET", f"/customers?{filters}")
    assert [customer["name"] for customer in page["customers"]] == expected


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=501", "/limit"),
        ("after=-1", "/after"),
        ("after=2147483648", "/after"),
        ("email=nobody", "/email"),
        (f"company={'a' * 201}", "/company"),
        ("changed_from=2020-01-01T00:00:00", "/changed_from"),
        ("changed_from=0001-01-01T00:00:00%2B14:00", "/changed_from"),
    ],
)
def test_invalid_list_parameter_is_named(crm: CrmClient, query: str, pointer: str) -> None:
    assert pointers(crm.call("GET", f"/customers?{query}", status=422)) == [pointer]


def test_erased_customer_leaves_nothing(crm: CrmClient) -> None:
    created, other = crm.customer(**WHOLE), crm.customer("Bob")
    for each in (created, other):
        crm.note(each["id"], "likes tea")
        crm.interaction(each["id"], "asked for tea")
    at = f"/customers/{created['id']}"
    assert crm.send("DELETE", at).body == b""
    for path in (at, f"{at}/notes", f"{at}/interactions", f"{at}/duplicates"):
        crm.call("GET", path, status=404)
    crm.call("DELETE", at, status=404)
    crm.call("PATCH", at, {"version": 1}, 404)
    crm.call("POST", f"{at}/notes", {"text": "back again"}, 404)
    assert crm.search("tea") == ["Bob"]
    assert crm.search("Ada") == []
    assert crm.notes(other["id"]) == ["likes tea"]
