"""What CRM promises of customers who may be there twice."""

from __future__ import annotations

from typing import Any


def test_who_shares_an_email_a_phone_or_a_name_is_told_with_what_is_shared(desk: Any) -> None:
    made = desk.customer("Ada Lovelace", email="ada@example.org", phone="+441234567890")
    desk.customer("Ada King", phone="+44 1234 567 890")
    desk.customer("LOVELÀCE, Ada", email="ADA@example.org")
    desk.customer("Ada", email="ada@example.com", company="Ada Lovelace")
    found = desk.ask("GET", f"/customers/{made['id']}/duplicates")
    assert [(each["customer"]["name"], each["shares"]) for each in found] == [
        ("LOVELÀCE, Ada", ["email", "name"]),
        ("Ada King", ["phone"]),
    ]


def test_nobody_is_like_another_for_what_both_lack(desk: Any) -> None:
    made = desk.customer("\U0001f642")
    desk.customer("\U0001f642\U0001f642")
    assert desk.ask("GET", f"/customers/{made['id']}/duplicates") == []
    assert desk.ask("GET", "/customers/duplicates")["duplicates"] == []


def test_all_who_are_like_an_earlier_one_are_listed_page_by_page(desk: Any) -> None:
    for name, email in [("a", "1"), ("b", "2"), ("c", "1"), ("b", "3"), ("d", "4"), ("c", "1")]:
        desk.customer(name, email=f"{email}@example.org")
    seen = []
    after = 0
    while after is not None:
        page = desk.ask("GET", f"/customers/duplicates?limit=2&after={after}")
        seen += [(each["customer"]["name"], each["shares"]) for each in page["duplicates"]]
        after = page["next"]
    assert seen == [("c", ["email"]), ("b", ["name"]), ("c", ["email", "name"])]
