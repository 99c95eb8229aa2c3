"""What a guest without a key may see and book."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform

ARRIVAL = date.today() + timedelta(30)
NUMBERS = [f"7Q4M-X2PD-9RTA-4WHE-K5N{last}" for last in "ABCD"]
REQUEST: dict[str, Any] = {
    "number": NUMBERS[0],
    "room_type": "b",
    "arrival": str(ARRIVAL),
    "nights": 2,
    "adults": 2,
    "total": 220_00,
    "guest": {"name": "Ada Lovelace", "email": "ada@example.org"},
}


@pytest.fixture
def neurova_project() -> Path:
    return Path(__file__).parents[3]


def offered(platform: TestPlatform, query: str = "") -> dict[str, Any]:
    answer = platform.get(f"/guest/offers?arrival={ARRIVAL}&nights=2{query}")
    assert answer.status == 200
    return {offer["room_type"]: offer for offer in answer.json()["offers"]}


def test_guest_finds_only_the_booking_of_the_number(platform: TestPlatform) -> None:
    before = offered(platform)
    assert next(iter(before)) == "a"  # sorted by price
    assert before["b"] == {"room_type": "b", "sleeps": 2, "free": 1, "rate": 11000, "total": 22000}
    assert before["a"]["free"] == 5  # at most 5 are shown; 128 are free
    booked = platform.post("/guest/bookings", json=REQUEST)
    assert booked.status == 201
    assert "b" not in offered(platform)
    found = platform.get("/guest/booking", headers={"booking-number": NUMBERS[0]})
    assert found.json() == booked.json()
    assert "Ada" not in found.text
    other = platform.get("/guest/booking", headers={"booking-number": NUMBERS[1]})
    assert other.status == 404


def test_repeat_returns_the_booking_and_announces_it_once(platform: TestPlatform) -> None:
    first = platform.post("/guest/bookings", json=REQUEST)
    assert platform.post("/guest/bookings", json=REQUEST).json() == first.json()
    other = platform.post("/guest/bookings", json={**REQUEST, "nights": 1, "total": 110_00})
    assert other.status == 409
    assert [event.name for event in platform.events] == ["booking.BookingCreated"]


def test_bookings_of_consumers_and_of_guests_are_apart(platform: TestPlatform) -> None:
    """Guests never see bookings made with a key, and keys never see bookings of guests."""
    stay = {"room_type": "a", "arrival": str(ARRIVAL), "nights": 1}
    made = platform.post("/bookings", json=stay, scopes=["booking:write"]).json()
    assert platform.get("/guest/booking", headers={"booking-number": made["id"]}).status == 422
    platform.post("/guest/bookings", json=REQUEST)
    at = f"/bookings/{NUMBERS[0]}"
    assert platform.get(at, scopes=["booking:read"]).status == 404
    listed = platform.get("/bookings", scopes=["booking:read"]).json()["bookings"]
    assert [booking["id"] for booking in listed] == [made["id"]]


def test_rooms_are_large_enough(platform: TestPlatform) -> None:
    assert set(offered(platform, "&adults=2&children=2")) == {"c", "g", "h"}
    assert set(offered(platform, "&adults=5&children=1")) == set()


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"arrival": str(date.today() - timedelta(2))}, 422, "/arrival"),
        ({"arrival": str(date.today() + timedelta(600))}, 422, "/arrival"),
        ({"nights": 31}, 422, "/nights"),
        ({"adults": 2, "children": 1}, 422, "/room_type"),
        ({"number": "1"}, 422, "/number"),
        ({"guest": {"name": " ", "email": "ada@example.org"}}, 422, "/guest/name"),
        ({"guest": {"name": "Ada", "email": "ada"}}, 422, "/guest/email"),
        ({"rate": 1}, 422, "/rate"),
        ({"total": 1}, 409, ""),
    ],
)
def test_bookings_are_refused_at_their_field(
    platform: TestPlatform, change: dict[str, Any], status: int, pointer: str
) -> None:
    refused = platform.post("/guest/bookings", json={**REQUEST, **change})
    assert refused.status == status
    assert [fault["pointer"] for fault in refused.json().get("errors", [])] == [pointer] * bool(
        pointer
    )


def test_guests_are_limited_by_address(platform: TestPlatform) -> None:
    calls = [
        platform.get("/guest/booking", headers={"booking-number": NUMBERS[2]}) for _ in range(21)
    ]
    assert [call.status for call in calls] == [404] * 20 + [429]
