"""Booking over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform.testing.platform import TestPlatform

STAY = {"room_type": "b", "arrival": "2016-07-02", "nights": 2}
SCOPES = ["booking:read", "booking:write"]


@pytest.fixture
def neurova_project() -> Path:
    return Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("NEUROVA_SERVICES_BOOKING_DATABASE", server.url)


def test_booking_from_quote_to_cancellation(platform: TestPlatform) -> None:
    quote = platform.post("/quote", json=STAY, scopes=SCOPES)
    assert (quote.status, quote.json()["total"]) == (200, 220_00)
    created = platform.post("/bookings", json=STAY, scopes=SCOPES)
    assert created.status == 201
    at = f"/bookings/{created.json()['id']}"
    assert platform.get(at, scopes=SCOPES).json() == created.json()
    free = platform.get("/availability?room_type=b&arrival=2016-07-03", scopes=SCOPES)
    assert free.json()["free"] == 0
    assert platform.post("/bookings", json=STAY, scopes=SCOPES).status == 409
    changed = platform.patch(at, json={"nights": 1}, scopes=SCOPES)
    assert (changed.status, changed.json()["departure"]) == (200, "2016-07-03")
    assert platform.delete(at, scopes=SCOPES).json()["status"] == "cancelled"
    assert platform.post("/bookings", json=STAY, scopes=SCOPES).status == 201
    page = platform.get("/bookings?status=booked&limit=1", scopes=SCOPES).json()
    assert (len(page["bookings"]), page["next"]) == (1, None)


def test_booking_of_another_consumer_is_404(platform: TestPlatform) -> None:
    created = platform.post("/bookings", json=STAY, scopes=SCOPES, consumer="ada").json()
    at = f"/bookings/{created['id']}"
    for method in ("GET", "PATCH", "DELETE"):
        response = platform.call(method, at, json={"nights": 1}, scopes=SCOPES, consumer="bob")
        assert response.status == 404
    assert platform.get(at, scopes=SCOPES, consumer="ada").json() == created


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
    others = [scope for scope in (*SCOPES, "booking:rate") if scope != needed]
    assert platform.call(method, path, json={}).status == 401
    assert platform.call(method, path, json={}, scopes=others).status == 403
    assert platform.call(method, path, json={}, scopes=[needed]).status in (200, 404, 422)


def test_all_faults_of_a_booking_are_named_at_once(platform: TestPlatform) -> None:
    wrong = {"room_type": "q", "arrival": "soon", "nights": 0, "adults": -1, "dog": 1}
    refusal = platform.post("/bookings", json=wrong, scopes=SCOPES)
    assert refusal.status == 422
    assert {fault["pointer"] for fault in refusal.json()["errors"]} == {f"/{key}" for key in wrong}
