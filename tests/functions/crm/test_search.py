"""What CRM promises of its search, on any text."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text",
    [
        "Ada",
        "lovelace",
        "ADA LOVELACE",
        "lovelace ada",
        "analyt",
        "ada@example.org",
        "example",
        "+44 1234 567890",
        "01234 567890",
        "(01234) 567-890",
        "567890",
        "tea",
        "loom",
        "engines loom ada",
    ],
)
def test_a_customer_is_found_by_all_that_is_known_of_it(desk: Any, text: str) -> None:
    made = desk.customer(
        company="Analytical Engines", email="ada@example.org", phone="+441234567890"
    )
    desk.note(made["id"], "Likes tea.")
    desk.interaction(made["id"], "Ordered a loom")
    desk.customer("Bob", company="Difference Ltd", email="bob@sample.com", phone="+12125550100")
    assert desk.found(text) == ["Ada Lovelace"]


@pytest.mark.parametrize("text", ["ada bob", "ovelace", "zzz", "12345678", "adas"])
def test_all_words_must_be_there_and_each_from_its_beginning(desk: Any, text: str) -> None:
    desk.customer()
    desk.customer("Bob")
    assert desk.found(text) == []


@pytest.mark.parametrize(
    ("kept", "sought"),
    [
        ("Søren Ærøskøbing", "soren aeroskobing"),
        ("Müller", "muller"),
        ("Muller", "MÜLLER"),
        ("Straße", "STRASSE"),
        ("Łódź", "lodz"),
        ("İstanbul", "istanbul"),
        ("Ångström", "angstrom"),
        ("Zoe\u0308", "zoë"),
        ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
        ("fiancé", "ﬁance"),
        ("東京 太郎", "東京"),
        ("नमस्ते", "नमस्ते"),
        ("O'Brien", "obrien o'brien"),
    ],
)
def test_case_and_diacritics_make_no_difference(desk: Any, kept: str, sought: str) -> None:
    desk.customer(kept)
    for word in sought.split():
        if word != "obrien":
            assert desk.found(word) == [kept]


def test_the_best_match_comes_first(desk: Any) -> None:
    """A name before a company before a note; a whole word before a beginning; then the oldest."""
    noted = desk.customer("noted")
    desk.note(noted["id"], "knows Grace")
    desk.customer("works there", company="Grace")
    desk.customer("Gracey")
    desk.customer("Grace")
    desk.customer("Grace Hopper")
    assert desk.found("grace") == ["Grace", "Grace Hopper", "works there", "Gracey", "noted"]


def test_pages_give_every_match_once(desk: Any) -> None:
    names = [f"Ada {number}" for number in range(5)]
    for name in names:
        desk.customer(name)
    assert desk.found("ada", limit=2) == names[:2]
    page = desk.ask("GET", "/customers/search?q=ada&limit=2&skip=2")
    assert (len(page["customers"]), page["next"]) == (2, 4)
    page = desk.ask("GET", "/customers/search?q=ada&limit=2&skip=4")
    assert (len(page["customers"]), page["next"]) == (1, None)


def test_what_a_customer_no_longer_says_finds_it_no_more(desk: Any) -> None:
    made = desk.customer(company="Engines", email="ada@example.org")
    change = {"version": 1, "name": "Countess", "company": "", "email": None}
    desk.ask("PATCH", f"/customers/{made['id']}", change)
    for gone in ("ada", "engines", "example"):
        assert desk.found(gone) == []
    assert desk.found("countess") == ["Countess"]


NASTY = [
    '"', '""', "'", "''", "\\", "*", "a*", "^ada", "ada*", "-ada", "+ada", "NOT", "AND", "OR",
    "NEAR(ada, 2)", "ada OR bob", "words:ada", "{words} : ada", "(", ")", "((((", "ada & !bob",
    "ada:*", "ada <-> bob", "'ada':A", "%", "_", "%ada%", "\U0001f642", "\ud7ff",
    "\u0301", "\u200b", "\ufeff", "\uffff", "a" * 200, "\ufdfa" * 200, "ß" * 200,
    "a " * 100, "1 " * 100, "0" * 200, "$1", ":q", "{}", "--", ";", "; DROP TABLE texts",
    "\n", "\x1a", "",
]  # fmt: skip


def test_no_text_breaks_the_search(desk: Any) -> None:
    desk.customer("Ada")
    for text in NASTY:
        desk.ask("GET", f"/customers/search?q={quote(text)}")
    desk.ask("GET", "/customers/search?q=ada%00bob", status=400)


def test_an_operator_is_a_word_like_others(desk: Any) -> None:
    desk.customer("Not Near")
    desk.customer("Near")
    assert desk.found("NOT near") == ["Not Near"]
    assert desk.found('"near" -"not"') == ["Not Near"]


def test_a_text_without_letters_or_digits_finds_nobody_and_a_longer_one_is_refused(
    desk: Any,
) -> None:
    desk.customer("\U0001f642")
    assert desk.found("\U0001f642 -- *") == []
    problem = desk.ask("GET", f"/customers/search?q={'a' * 201}", status=422)
    assert problem["errors"][0]["pointer"] == "/q"


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noted=texts, sought=st.text(max_size=200).filter(lambda text: text.isprintable()))
def test_whatever_was_noted_is_found_by_each_of_its_words_and_whatever_is_sought_is_answered(
    desk: Any, noted: str, sought: str
) -> None:
    id = desk.customer("of this example")["id"]
    text = f"{noted} anchor"
    desk.note(id, text)
    desk.ask("GET", f"/customers/search?q={quote(sought)}")
    for word in text.split():
        if any(letter.isalnum() for letter in word):
            page = desk.ask("GET", f"/customers/search?q={quote(word[:200])}&limit=100")
            assert id in [customer["id"] for customer in page["customers"]], word
    desk.ask("DELETE", f"/customers/{id}", status=204)
