"""/v1/limits: usage agrees with the RateLimit headers, and reading it counts nothing."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_platform.testing.platform import TestPlatform


def windows(platform: TestPlatform, query: str) -> list[dict[str, Any]]:
    response = platform.admin("GET", f"/v1/limits?{query}")
    assert response.status == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def test_windows_agree_with_the_headers_of_clients(running: TestPlatform) -> None:
    key = running.key("acme", ["probe:secret"], limits="50/minute", quota=1000)
    running.admin("PATCH", "/v1/consumers/acme", json={"limits": "100/hour"})
    running.clock.advance(1)
    for _ in range(3):
        response = running.get("/secret", key=key)
    fields = response.headers["ratelimit"].split(",")
    headers = dict(part.strip().split(";")[:2] for part in fields)
    by_kind = {each["kind"]: each for each in windows(running, "consumer=acme")}
    assert set(by_kind) == {"route", "consumer", "key", "quota"}
    for kind, limit in (("consumer", 100), ("key", 50), ("quota", 1000), ("route", 1000)):
        window = by_kind[kind]
        assert (window["used"], window["left"], window["limit"]) == (3, limit - 3, limit)
        unit = {1: "second", 60: "minute", 3600: "hour"}.get(window["seconds"], "month")
        assert headers[f'"{kind}-{unit}"'] == f"r={window['left']}"
    assert by_kind["route"]["route"] == "probe.secret"
    assert by_kind["key"]["key_id"]


def test_reading_limits_counts_nothing(running: TestPlatform) -> None:
    key = running.key("looked", limits="5/hour")
    running.get("/items/1", key=key)
    for _ in range(20):
        assert windows(running, "consumer=looked&route=none")[0]["used"] == 1
    assert [running.get("/items/1", key=key).status for _ in range(5)] == [200] * 4 + [429]
    assert windows(running, "consumer=looked")[0]["left"] == 0
    running.clock.advance(3601)
    assert windows(running, "consumer=looked")[0]["used"] == 0


@pytest.mark.parametrize(
    ("query", "kinds"),
    [("consumer=nobody", []), ("address=192.0.2.7", ["route"]), ("address=unknown", ["route"])],
)
def test_address_has_the_windows_of_public_routes(
    running: TestPlatform, query: str, kinds: list[str]
) -> None:
    assert [each["kind"] for each in windows(running, query)] == kinds


@pytest.mark.parametrize("address", ["10.0.0.0/8", "localhost", "192.0.2.7:80"])
def test_other_text_is_no_address(running: TestPlatform, address: str) -> None:
    assert running.admin("GET", f"/v1/limits?address={address}").status == 400
