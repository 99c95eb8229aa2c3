"""Booking as its clients meet it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform.testing.platform import TestPlatform

STAY = {"room_type": "b", "arrival": "2016-07-02", "nights": 2}
GUEST = ["booking:read", "booking:write"]


@pytest.fixture
def neurova_project() -> Path:
    return Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("NEUROVA_SERVICES_BOOKING_DATABASE", server.url)


def test_a_booking_lives_from_quote_to_cancellation(platform: TestPlatform) -> None:
    quote = platform.call("POST", "/quote", json=STAY, scopes=GUEST)
    assert (quote.status, quote.json()["total"]) == (200, 220_00)
    made = platform.call("POST", "/bookings", json=STAY, scopes=GUEST)
    assert made.status == 201
    at = f"/bookings/{made.json()['id']}"
    assert platform.call("GET", at, scopes=GUEST).json() == made.json()
    free = platform.call("GET", "/availability?room_type=b&arrival=2016-07-03", scopes=GUEST)
    assert free.json()["free"] == 0
    assert platform.call("POST", "/bookings", json=STAY, scopes=GUEST).status == 409
    changed = platform.call("PATCH", at, json={"nights": 1}, scopes=GUEST)
    assert (changed.status, changed.json()["departure"]) == (200, "2016-07-03")
    assert platform.call("DELETE", at, scopes=GUEST).json()["status"] == "cancelled"
    assert platform.call("POST", "/bookings", json=STAY, scopes=GUEST).status == 201
    page = platform.call("GET", "/bookings?status=booked&limit=1", scopes=GUEST).json()
    assert (len(page["bookings"]), page["next"]) == (1, None)


def test_another_consumers_booking_is_not_there(platform: TestPlatform) -> None:
    made = platform.call("POST", "/bookings", json=STAY, scopes=GUEST, consumer="ada").json()
    at = f"/bookings/{made['id']}"
    for method, body in (("GET", None), ("PATCH", {"nights": 1}), ("DELETE", None)):
        said = {"json": body} if body else {}
        assert platform.call(method, at, scopes=GUEST, consumer="bob", **said).status == 404
    assert platform.call("GET", at, scopes=GUEST, consumer="ada").json() == made


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/rooms", "booking:read"),
        ("GET", "/availability?room_type=a&arrival=2016-07-02", "booking:read"),
        ("POST", "/quote", "booking:read"),
        ("GET", "/bookings", "booking:read"),
        ("GET", "/bookings/x", "booking:read"),
        ("POST", "/bookings", "booking:write"),
        ("PATCH", "/bookings/x", "booking:write"),
        ("DELETE", "/bookings/x", "booking:write"),
    ],
)
def test_every_route_needs_a_key_with_its_scope(
    platform: TestPlatform, method: str, path: str, needed: str
) -> None:
    others = [scope for scope in (*GUEST, "booking:rate") if scope != needed]
    assert platform.call(method, path, json={}).status == 401
    assert platform.call(method, path, json={}, scopes=others).status == 403
    assert platform.call(method, path, json={}, scopes=[needed]).status in (200, 404, 422)


def test_every_fault_of_a_booking_is_named_at_once(platform: TestPlatform) -> None:
    wrong = {"room_type": "q", "arrival": "soon", "nights": 0, "adults": -1, "dog": 1}
    refusal = platform.call("POST", "/bookings", json=wrong, scopes=GUEST)
    assert refusal.status == 422
    assert {fault["pointer"] for fault in refusal.json()["errors"]} == {f"/{key}" for key in wrong}


def test_ones_own_rate_needs_the_scope_for_it(platform: TestPlatform) -> None:
    asked = {**STAY, "rate": 252_17}
    assert platform.call("POST", "/bookings", json=asked, scopes=GUEST).status == 403
    made = platform.call("POST", "/bookings", json=asked, scopes=[*GUEST, "booking:rate"])
    assert (made.status, made.json()["total"]) == (201, 504_34)
