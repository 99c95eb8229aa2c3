"""CRM's stays reflect Booking's events."""

from __future__ import annotations

from typing import Any

import pytest
from tests.functions.crm.conftest import CrmClient

from neurova_platform.testing.platform import TestPlatform

BOOKER = {"scopes": ["booking:write"], "consumer": "agent"}
GUEST = {"name": "Ada  Lovelace ", "email": "Ada.Stays@Example.org"}


class Bookings:
    """Book, change and cancel rooms; then let CRM handle the events."""

    def __init__(self, crm: CrmClient) -> None:
        self.crm = crm
        self.platform = crm.platform

    def book(self, **fields: Any) -> str:
        """Return the id of a new booking."""
        stay = {"room_type": "a", "arrival": "2027-01-02", "nights": 2, "channel": "ta_to"}
        response = self.platform.post("/bookings", json={**stay, **fields}, **BOOKER)
        assert response.status == 201, response.text
        booking: str = response.json()["id"]
        return booking

    def change(self, booking: str, **fields: Any) -> None:
        response = self.platform.patch(f"/bookings/{booking}", json=fields, **BOOKER)
        assert response.status == 200, response.text

    def cancel(self, booking: str) -> None:
        assert self.platform.delete(f"/bookings/{booking}", **BOOKER).status == 200

    def stays(self) -> dict[str, Any]:
        """Handle all events, then return CRM's stays by booking id."""
        records = self.platform.run_subscriptions()
        assert {record.outcome for record in records} <= {"published", "handled"}, records
        pages = self.crm.pages("/stays?limit=2")
        return {stay.pop("booking"): stay for page in pages for stay in page["stays"]}


@pytest.fixture
def bookings(crm: CrmClient) -> Bookings:
    return Bookings(crm)


def test_stay_follows_its_booking(bookings: Bookings) -> None:
    kept, changed, cancelled = (bookings.book() for _ in range(3))
    bookings.change(changed, room_type="b", arrival="2027-03-04", nights=3)
    bookings.change(cancelled, nights=5)
    bookings.cancel(cancelled)
    stays = bookings.stays()
    stay = {"customer": None, "status": "booked", "room_type": "a", "arrival": "2027-01-02"}
    stay |= {"nights": 2, "total": 170_00, "consumer": "agent", "channel": "ta_to"}
    assert stays[kept] == stay
    moved = {"room_type": "b", "arrival": "2027-03-04", "nights": 3, "total": 330_00}
    assert stays[changed] == stay | moved
    assert stays[cancelled] == stay | {"status": "cancelled", "nights": 5, "total": 425_00}
    bookings.cancel(changed)  # frees the only room of its type


def test_guest_is_created_once_and_found_by_email(bookings: Bookings) -> None:
    crm = bookings.crm
    first, second = (bookings.book(guest=GUEST, arrival=f"2027-01-0{day}") for day in (2, 3))
    stays = bookings.stays()
    customer = stays[first]["customer"]
    assert stays[second]["customer"] == customer
    found = crm.call("GET", f"/customers/{customer}")
    assert (found["name"], found["email"]) == ("Ada Lovelace", "ada.stays@example.org")
    assert found["stage"] == "customer"
    assert crm.search("lovelace") == ["Ada Lovelace"]
    listed = crm.call("GET", f"/customers/{customer}/stays")
    assert [stay["booking"] for stay in listed] == [second, first]


@pytest.mark.parametrize(
    ("stage", "after", "version"),
    [("lead", "customer", 2), ("former", "former", 1), ("customer", "customer", 1)],
)
def test_lead_that_books_becomes_a_customer(
    bookings: Bookings, stage: str, after: str, version: int
) -> None:
    known = bookings.crm.customer("Grace", email="grace@example.org", stage=stage)
    booking = bookings.book(guest={"name": "G. Hopper", "email": "grace@example.org"})
    assert bookings.stays()[booking]["customer"] == known["id"]
    found = bookings.crm.call("GET", f"/customers/{known['id']}")
    assert (found["name"], found["stage"], found["version"]) == ("Grace", after, version)


def test_stays_move_with_a_merge_and_outlive_erasure(bookings: Bookings) -> None:
    crm = bookings.crm
    booking = bookings.book(guest=GUEST)
    duplicate = bookings.stays()[booking]["customer"]
    customer = crm.customer("Ada")["id"]
    before = len(bookings.platform.events)
    for _ in range(2):
        crm.call("POST", f"/customers/{customer}/merge", {"duplicate": duplicate})
    [merged] = bookings.platform.events[before:]
    assert merged.name == "crm.CustomerMerged"
    assert merged.values == {"customer": customer, "duplicate": duplicate}
    assert [each["booking"] for each in crm.call("GET", f"/customers/{customer}/stays")] == [
        booking
    ]
    crm.call("DELETE", f"/customers/{customer}", status=204)
    assert bookings.stays()[booking]["customer"] is None


def test_only_guests_get_a_confirmation(platform: TestPlatform) -> None:
    bookings = Bookings(CrmClient(platform))
    bookings.book()
    booking = bookings.book(guest=GUEST)
    bookings.stays()
    [mail] = (platform.settings.state / "mail").iterdir()
    text = mail.read_text()
    assert "To: Ada.Stays@Example.org" in text
    assert f"Your booking: {booking}" in text
