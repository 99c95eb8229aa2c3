"""What CRM promises of customers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

WHOLE = {
    "name": "Ada Lovelace",
    "company": "Analytical Engines",
    "email": "ada@example.org",
    "phone": "+441234567890",
    "stage": "customer",
}


def test_a_customer_is_read_back_as_it_was_made(desk: Any) -> None:
    made = desk.customer(**WHOLE)
    assert {name: made[name] for name in WHOLE} == WHOLE
    assert made["version"] == 1
    assert desk.ask("GET", f"/customers/{made['id']}") == made


def test_a_name_alone_makes_a_lead(desk: Any) -> None:
    made = desk.customer("Ada")
    assert (made["stage"], made["company"], made["email"], made["phone"]) == (
        "lead",
        "",
        None,
        None,
    )


@pytest.mark.parametrize(
    ("field", "said", "kept"),
    [
        ("name", "  Ada \n Lovelace ", "Ada Lovelace"),
        ("company", " Analytical  Engines", "Analytical Engines"),
        ("email", "Ada.L@Example.ORG", "ada.l@example.org"),
        ("phone", "+44 (0)1234 / 567-890", "+441234567890"),
        ("phone", "+1.212.555.0100", "+12125550100"),
    ],
)
def test_a_value_is_kept_in_one_form_however_it_was_written(
    desk: Any, field: str, said: str, kept: str
) -> None:
    made = desk.customer(**{"name": "Ada", field: said})
    assert made[field] == kept
    changed = desk.ask("PATCH", f"/customers/{made['id']}", {"version": 1, field: said})
    assert changed[field] == kept


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", " \t "),
        ("name", "\x1c\x85\ufeff"),
        ("name", "a\0b"),
        ("name", "a" * 201),
        ("company", "\0"),
        ("email", "ada"),
        ("email", "ada@example"),
        ("email", "ada@@example.org"),
        ("email", "ada @example.org"),
        ("email", "ada@example..org"),
        ("email", "ada@exa\x1cmple.org"),
        ("email", "ada@example.org\x85"),
        ("email", "a" * 250 + "@x.org"),
        ("phone", "01234567890"),
        ("phone", "+44 1234"),
        ("phone", "+1234567890123456"),
        ("phone", "+44 call me"),
        ("stage", "friend"),
        ("id", "0" * 32),
    ],
)
def test_what_is_no_value_of_a_field_is_refused_and_named(
    desk: Any, field: str, wrong: str
) -> None:
    said = {"name": "Ada", field: wrong}
    assert pointers(desk.ask("POST", "/customers", said, 422)) == [f"/{field}"]
    made = desk.customer()
    said = {"version": 1, field: wrong}
    assert pointers(desk.ask("PATCH", f"/customers/{made['id']}", said, 422)) == [f"/{field}"]


def pointers(problem: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]


def test_what_a_value_must_be_is_said_in_words(desk: Any) -> None:
    said = {"name": " ", "email": "x", "phone": "01234 567890"}
    problem = desk.ask("POST", "/customers", said, 422)
    problem["errors"] += desk.ask("GET", "/customers?email=x", status=422)["errors"]
    messages = [fault["message"] for fault in problem["errors"]]
    assert len(messages) == 4
    assert all(message.startswith("must be a") for message in messages)


def test_all_faults_of_a_customer_are_named_at_once(desk: Any) -> None:
    wrong = {"company": 1, "email": "x", "phone": "y", "stage": "z", "dog": True}
    named = pointers(desk.ask("POST", "/customers", wrong, 422))
    assert sorted(named) == ["/company", "/dog", "/email", "/name", "/phone", "/stage"]


def test_two_customers_may_share_an_email_and_a_phone(desk: Any) -> None:
    assert desk.customer(**WHOLE)["id"] != desk.customer(**WHOLE)["id"]


def test_times_are_utc_and_a_change_is_dated(desk: Any) -> None:
    before = datetime.now(UTC)
    made = desk.customer()
    changed = desk.ask("PATCH", f"/customers/{made['id']}", {"version": 1, "stage": "former"})
    first, last = (datetime.fromisoformat(changed[name]) for name in ("created", "changed"))
    assert made["created"] == changed["created"]
    assert changed["created"].endswith("Z")
    assert before <= first <= last <= datetime.now(UTC)
    assert desk.ask("GET", f"/customers/{made['id']}") == changed


def test_a_change_changes_what_is_given_and_null_takes_away(desk: Any) -> None:
    made = desk.customer(**WHOLE)
    change = {"version": 1, "name": "Ada King", "email": None}
    changed = desk.ask("PATCH", f"/customers/{made['id']}", change)
    assert changed == {
        **made, "name": "Ada King", "email": None, "version": 2, "changed": changed["changed"]
    }  # fmt: skip
    problem = desk.ask("PATCH", f"/customers/{made['id']}", {"version": 2, "name": None}, 422)
    assert pointers(problem) == ["/name"]


def test_a_change_of_what_the_caller_has_not_seen_is_refused(desk: Any) -> None:
    made = desk.customer()
    at = f"/customers/{made['id']}"
    desk.ask("PATCH", at, {"version": 1, "company": "first"})
    problem = desk.ask("PATCH", at, {"version": 1, "company": "second"}, 409)
    assert "version 2" in problem["detail"]
    assert pointers(desk.ask("PATCH", at, {"company": "third"}, 422)) == ["/version"]
    assert desk.ask("GET", at)["company"] == "first"


def test_of_many_changes_of_one_version_at_once_one_is_made(desk: Any) -> None:
    made = desk.customer()
    changes = [
        ("PATCH", f"/customers/{made['id']}", {"version": 1, "company": f"firm {number}"})
        for number in range(8)
    ]
    answers = desk.together(changes)
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    [won] = [answer.json() for answer in answers if answer.status == 200]
    assert desk.ask("GET", f"/customers/{made['id']}") == won


def test_pages_give_every_customer_once_in_order_also_when_one_of_them_is_erased(
    desk: Any,
) -> None:
    made = [desk.customer(f"number {number}") for number in range(7)]
    seen: list[str] = []
    after, pages = 0, 0
    while after is not None:
        page = desk.ask("GET", f"/customers?limit=3&after={after}")
        seen += [customer["name"] for customer in page["customers"]]
        desk.ask("DELETE", f"/customers/{page['customers'][-1]['id']}", status=204)
        after, pages = page["next"], pages + 1
    assert seen == [customer["name"] for customer in made]
    assert pages == 3
    assert desk.ask("GET", "/customers?limit=4")["next"] is None


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
def test_a_filter_keeps_what_it_names(desk: Any, filters: str, expected: list[str]) -> None:
    desk.customer("a", company="Engines", email="shared@example.org")
    desk.customer("b", company="Engines", phone="+441234567890", stage="customer")
    desk.customer("c", email="shared@example.org", phone="+441234567890")
    page = desk.ask("GET", f"/customers?{filters}")
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
def test_a_list_that_cannot_be_asked_for_is_refused_and_its_fault_named(
    desk: Any, query: str, pointer: str
) -> None:
    assert pointers(desk.ask("GET", f"/customers?{query}", status=422)) == [pointer]


def test_an_erased_customer_is_gone_with_all_that_was_kept_of_it(desk: Any) -> None:
    made, other = desk.customer(**WHOLE), desk.customer("Bob")
    for each in (made, other):
        desk.note(each["id"], "likes tea")
        desk.interaction(each["id"], "asked for tea")
    at = f"/customers/{made['id']}"
    assert desk.answer("DELETE", at).body == b""
    for path in (at, f"{at}/notes", f"{at}/interactions", f"{at}/duplicates"):
        desk.ask("GET", path, status=404)
    desk.ask("DELETE", at, status=404)
    desk.ask("PATCH", at, {"version": 1}, 404)
    desk.ask("POST", f"{at}/notes", {"text": "back again"}, 404)
    assert desk.found("tea") == ["Bob"]
    assert desk.found("Ada") == []
    assert desk.notes(other["id"]) == ["likes tea"]


def test_what_is_no_id_is_not_found(desk: Any) -> None:
    for id in ("x", "0" * 32, "'", "a" * 300):
        desk.ask("GET", f"/customers/{id}", status=404)
