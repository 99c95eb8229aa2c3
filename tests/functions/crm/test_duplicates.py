"""Customers with equal values are listed as possible duplicates."""

from __future__ import annotations

from tests.functions.crm.conftest import CrmClient


def test_duplicates_state_what_they_share(crm: CrmClient) -> None:
    created = crm.customer("Ada Lovelace", email="ada@example.org", phone="+441234567890")
    crm.customer("Ada King", phone="+44 1234 567 890")
    crm.customer("LOVELÀCE, Ada", email="ADA@example.org")
    crm.customer("Ada", email="ada@example.com", company="Ada Lovelace")
    found = crm.call("GET", f"/customers/{created['id']}/duplicates")
    assert [(each["customer"]["name"], each["shares"]) for each in found] == [
        ("LOVELÀCE, Ada", ["email", "name"]),
        ("Ada King", ["phone"]),
    ]


def test_duplicates_of_all_customers_come_in_pages(crm: CrmClient) -> None:
    for name, email in zip("abcbdc\U0001f642\U0001f643", "12134156", strict=True):
        crm.customer(name, email=f"{email}@example.org")
    rows = [
        row for page in crm.pages("/customers/duplicates?limit=2") for row in page["duplicates"]
    ]
    assert [(row["customer"]["name"], row["shares"]) for row in rows] == [
        ("c", ["email"]),
        ("b", ["name"]),
        ("c", ["email", "name"]),
    ]
