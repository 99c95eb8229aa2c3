"""Search finds customers by words and phone numbers, and accepts any text."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.functions.crm.conftest import CrmClient


def test_customer_is_found_by_all_its_data(crm: CrmClient) -> None:
    created = crm.customer(
        company="Analytical Engines", email="ada@example.org", phone="+441234567890"
    )
    crm.note(created["id"], "Likes tea.")
    crm.interaction(created["id"], "Ordered a loom")
    crm.customer("Bob", company="Difference Ltd", email="bob@sample.com", phone="+12125550100")
    for text in (
        "Ada", "lovelace", "ADA LOVELACE", "lovelace ada", "analyt", "ada@example.org", "example",
        "+44 1234 567890", "01234 567890", "(01234) 567-890", "567890", "tea", "loom",
        "engines loom ada",
    ):  # fmt: skip
        assert crm.search(text) == ["Ada Lovelace"], text


def test_every_word_must_match_from_its_beginning(crm: CrmClient) -> None:
    crm.customer()
    crm.customer("Bob")
    assert [crm.search(q) for q in ("ada bob", "ovelace", "zzz", "12345678", "adas")] == [[]] * 5


def test_case_and_diacritics_make_no_difference(crm: CrmClient) -> None:
    for stored, query in [
        ("Søren Ærøskøbing", "soren aeroskobing"), ("Müller", "muller"), ("Muller", "MÜLLER"),
        ("Straße", "STRASSE"), ("Łódź", "lodz"), ("İstanbul", "istanbul"), ("Ångström", "angstrom"),
        ("Zoe\u0308", "zoë"), ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"), ("fiancé", "ﬁance"), ("東京 太郎", "東京"),
        ("नमस्ते", "नमस्ते"), ("O'Brien", "o'brien"),
    ]:  # fmt: skip
        id = crm.customer(stored)["id"]
        for word in query.split():
            assert crm.search(word) == [stored]
        crm.call("DELETE", f"/customers/{id}", status=204)


def test_best_match_comes_first(crm: CrmClient) -> None:
    """Order: name, company, note; then whole word, prefix; then the oldest customer."""
    noted = crm.customer("noted")
    crm.note(noted["id"], "knows Grace")
    crm.customer("works there", company="Grace")
    crm.customer("Gracey")
    crm.customer("Grace")
    crm.customer("Grace Hopper")
    assert crm.search("grace") == ["Grace", "Grace Hopper", "works there", "Gracey", "noted"]


def test_pages_have_every_match_once(crm: CrmClient) -> None:
    names = [f"Ada {number}" for number in range(5)]
    for name in names:
        crm.customer(name)
    assert crm.search("ada", limit=2) == names[:2]
    page = crm.call("GET", "/customers/search?q=ada&limit=2&skip=2")
    assert (len(page["customers"]), page["next"]) == (2, 4)
    page = crm.call("GET", "/customers/search?q=ada&limit=2&skip=4")
    assert (len(page["customers"]), page["next"]) == (1, None)


def test_changed_values_no_longer_match(crm: CrmClient) -> None:
    created = crm.customer(company="Engines", email="ada@example.org")
    change = {"version": 1, "name": "Countess", "company": "", "email": None}
    crm.call("PATCH", f"/customers/{created['id']}", change)
    for gone in ("ada", "engines", "example"):
        assert crm.search(gone) == []
    assert crm.search("countess") == ["Countess"]


NASTY = [
    '"', '""', "'", "''", "\\", "*", "a*", "^ada", "ada*", "-ada", "+ada", "NOT", "AND", "OR",
    "NEAR(ada, 2)", "ada OR bob", "words:ada", "{words} : ada", "(", ")", "((((", "ada & !bob",
    "ada:*", "ada <-> bob", "'ada':A", "%", "_", "%ada%", "\U0001f642", "\ud7ff",
    "\u0301", "\u200b", "\ufeff", "\uffff", "a" * 200, "\ufdfa" * 200, "ß" * 200,
    "a " * 100, "1 " * 100, "0" * 200, "$1", ":q", "{}", "--", ";", "; DROP TABLE texts",
    "\n", "\x1a", "",
]  # fmt: skip


def test_special_characters_and_operators_are_plain_words(crm: CrmClient) -> None:
    crm.customer("Not Near")
    crm.customer("Near")
    crm.customer("\U0001f642")
    for text in NASTY:
        crm.call("GET", f"/customers/search?q={quote(text)}")
    crm.call("GET", "/customers/search?q=ada%00bob", status=400)
    assert crm.search("NOT near") == crm.search('"near" -"not"') == ["Not Near"]
    assert crm.search("\U0001f642 -- *") == []  # symbols match nothing
    problem = crm.call("GET", f"/customers/search?q={'a' * 201}", status=422)
    assert problem["errors"][0]["pointer"] == "/q"


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(noted=texts, sought=st.text(max_size=200).filter(lambda text: text.isprintable()))
def test_any_note_is_found_by_each_of_its_words(crm: CrmClient, noted: str, sought: str) -> None:
    id = crm.customer("of this example")["id"]
    text = f"{noted} anchor"
    crm.note(id, text)
    crm.call("GET", f"/customers/search?q={quote(sought)}")
    for word in text.split():
        if any(letter.isalnum() for letter in word):
            page = crm.call("GET", f"/customers/search?q={quote(word[:200])}&limit=100")
            assert id in [customer["id"] for customer in page["customers"]], word
    crm.call("DELETE", f"/customers/{id}", status=204)
