"""How windows stand is told, and telling counts nothing."""

from __future__ import annotations

from typing import Any

from neurova_gateway.keys import issuer
from neurova_platform.testing.platform import TestPlatform


def windows(platform: TestPlatform, query: str) -> list[dict[str, Any]]:
    answer = platform.admin("GET", f"/v1/limits?{query}")
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_all_windows_of_a_consumer_are_told_and_agree_with_what_clients_are_told(
    running: TestPlatform,
) -> None:
    key = running.key("acme", ["probe:secret"], limits="50/minute", quota=1000)
    issuer.limit_consumer(running.store, "acme", "100/hour")
    running.clock.advance(1)
    for _ in range(3):
        answer = running.get("/secret", key=key)
    told = dict(part.strip().split(";")[:2] for part in answer.headers["ratelimit"].split(","))
    found = windows(running, "consumer=acme")
    by_kind = {each["kind"]: each for each in found}
    assert set(by_kind) == {"route", "consumer", "key", "quota"}
    for kind, of in (("consumer", 100), ("key", 50), ("quota", 1000), ("route", 1000)):
        window = by_kind[kind]
        assert (window["used"], window["left"], window["limit"]) == (3, of - 3, of)
        unit = {1: "second", 60: "minute", 3600: "hour"}.get(window["seconds"], "month")
        assert told[f'"{kind}-{unit}"'] == f"r={window['left']}"
    assert by_kind["route"]["route"] == "probe.secret"
    assert by_kind["key"]["key_id"]


def test_to_look_counts_nothing(running: TestPlatform) -> None:
    key = running.key("looked", limits="5/hour")
    running.get("/items/1", key=key)
    for _ in range(20):
        assert windows(running, "consumer=looked&route=none")[0]["used"] == 1
    assert [running.get("/items/1", key=key).status for _ in range(5)] == [200] * 4 + [429]
    assert windows(running, "consumer=looked")[0]["left"] == 0
    running.clock.advance(3601)
    assert windows(running, "consumer=looked")[0]["used"] == 0


def test_a_consumer_nobody_knows_has_the_limits_of_no_key(running: TestPlatform) -> None:
    assert windows(running, "consumer=nobody") == []


def test_pages_hold_every_window_once(running: TestPlatform) -> None:
    for _ in range(4):
        running.key("paged", limits="5/second, 100/day")
    found, cursor = [], ""
    while True:
        page = running.admin("GET", f"/v1/limits?consumer=paged&limit=3{cursor}").json()
        found += [(each["kind"], each["key_id"], each["seconds"]) for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(found) == len(set(found)) == 9  # two a key, and the route's


def test_the_windows_of_an_address_are_those_of_public_routes(running: TestPlatform) -> None:
    assert [each["kind"] for each in windows(running, "address=192.0.2.7")] == ["route"]
