"""/v1/consumers: counts of keys, and the limit of all keys of a consumer."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from neurova_platform.testing.platform import TestPlatform


def test_consumers_are_listed_with_counts_of_their_keys(running: TestPlatform) -> None:
    running.key("counted", expires_in=1.0)
    running.key("counted")
    running.clock.advance(2)
    consumer = running.admin("GET", "/v1/consumers/counted").json()
    assert (consumer["keys"], consumer["active"], consumer["limits"]) == (2, 1, "")
    listed = running.admin("GET", "/v1/consumers?limit=500").json()["items"]
    assert consumer in listed
    assert [each["consumer"] for each in listed] == sorted(each["consumer"] for each in listed)


@pytest.mark.parametrize("name", ["bound", "a/b", "with space", "..", "ü", "%"])
def test_limit_applies_to_all_keys_of_a_consumer(running: TestPlatform, name: str) -> None:
    keys = [running.key(name), running.key(name)]
    path = f"/v1/consumers/{quote(name, safe='')}"
    changed = running.admin("PATCH", path, json={"limits": "3/hour"})
    assert changed.json()["limits"] == "3/hour"
    running.clock.advance(1)
    statuses = [running.get("/items/1", key=keys[number % 2]).status for number in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert running.admin("PATCH", path, json={"limits": ""}).json()["limits"] == ""
    running.clock.advance(1)
    assert running.get("/items/1", key=keys[0]).status == 200


def test_invalid_limits_and_unknown_consumers_are_refused(running: TestPlatform) -> None:
    path = "/v1/consumers/known"
    running.key("known")
    assert running.admin("PATCH", path, json={"limits": "lots"}).status == 422
    assert running.admin("GET", "/v1/consumers/nobody").status == 404
