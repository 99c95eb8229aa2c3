"""Plans: the rights and limits that `[plans.<name>]` gives consumers, and their overrides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurova.settings.plans import Plan
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.plugins.auth import caller_fields, read_plans
from neurova_platform.testing.platform import TestPlatform

SETTINGS = """
[plans.gold]
scopes = ["items:read"]
limit = "3/minute"
quota = 5

[plans.open]
scopes = ["items:read"]
"""
FUNCTION = """
from neurova import Reject, get


@get("/items", scopes=["items:read"])
def items(sold: bool = False) -> int:
    if sold:
        raise Reject(409, "Sold")
    return 1
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[TestPlatform]:
    folder = tmp_path / "shop"
    (folder / "functions" / "shop").mkdir(parents=True)
    (folder / "functions" / "shop" / "items.py").write_text(FUNCTION)
    (folder / "neurova.toml").write_text(SETTINGS)
    with TestPlatform(folder, tmp_path / "state") as platform:
        yield platform


def set_consumer(shop: TestPlatform, **fields: Any) -> int:
    return shop.admin("PATCH", "/v1/consumers/acme", json=fields).status


def call(shop: TestPlatform, key: str, times: int = 1) -> list[int]:
    shop.clock.advance(1)  # longer than the cache's 250 ms
    return [shop.get("/items", key=key).status for _ in range(times)]


def test_plan_gives_scopes_and_its_limit_binds_all_keys(shop: TestPlatform) -> None:
    keys = [shop.key("acme"), shop.key("acme")]
    assert call(shop, keys[0]) == [403]
    assert set_consumer(shop, plan="gold") == 200
    assert call(shop, keys[0], 2) + call(shop, keys[1], 2) == [200, 200, 200, 429]
    shop.clock.advance(61)  # a new minute; 2 of 5 calls are left in the quota
    assert call(shop, keys[0], 3) == [200, 200, 429]
    assert set_consumer(shop, plan="") == 200
    assert call(shop, keys[0]) == [403]


@pytest.mark.parametrize(
    ("record", "bound"),
    [
        ({}, {"consumer_limits": "3/minute", "consumer_quota": "5"}),
        ({"limits": "9/minute"}, {"limits": "9/minute", "consumer_quota": "5"}),
        ({"consumer_limits": "7/minute"}, {"consumer_limits": "7/minute", "consumer_quota": "5"}),
        ({"quota": 8}, {"consumer_limits": "3/minute", "quota": "8"}),
    ],
)
def test_limits_of_a_key_or_its_consumer_replace_those_of_the_plan(
    record: dict[str, Any], bound: dict[str, str]
) -> None:
    key = KeyRecord("key_a", "acme", "live", frozenset({"a:read"}), 0.0, **record)
    fields = caller_fields(key, Plan(("b:read",), "3/minute", 5))
    identity = {"consumer": "acme", "key_id": "key_a", "environment": "live"}
    assert fields == identity | {"scopes": "a:read b:read"} | bound


def test_plan_without_limits_keeps_the_callers_own(shop: TestPlatform) -> None:
    key = shop.key("acme", limits="2/minute")
    assert set_consumer(shop, plan="open") == 200
    assert call(shop, key, 3) == [200, 200, 429]


def test_unset_values_of_kong_are_read_as_empty() -> None:
    plans = {"gold": {"scopes": {}, "limit": None, "quota": None}}
    assert read_plans({"plans": plans}) == {"gold": Plan()}
    assert read_plans({"plans": None}) == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"plan": "golden"}, "the plans are: gold, open"),
        ({"limits": "lots"}, "limits"),
        ({"custom_id": " x"}, "custom id"),
        ({"metadata": {"a": "\n"}}, "metadata a"),
        ({}, "nothing to change"),
    ],
)
def test_bad_value_of_a_consumer_is_refused(
    shop: TestPlatform, fields: dict[str, Any], message: str
) -> None:
    assert shop.admin("PATCH", "/v1/consumers/acme", json=fields).status == 404  # without a key
    shop.key("acme")
    answer = shop.admin("PATCH", "/v1/consumers/acme", json=fields)
    assert answer.status == 422
    assert message in answer.json()["detail"]
    assert list(shop.store.consumers()) == []


def test_plan_removed_from_the_settings_gives_nothing(shop: TestPlatform) -> None:
    key = shop.key("acme")
    shop.store.set_consumer("acme", plan="former")
    assert call(shop, key) == [403]


def test_usage_is_counted_by_key_and_function(shop: TestPlatform) -> None:
    key = shop.key("acme", ["items:read"])
    call(shop, key, 2)
    assert shop.get("/items?sold=true", key=key).status == 409
    shop.get("/items")  # without a key, no usage is recorded
    shop.platform.call_records.flush()
    shop.platform._usage.flush(shop.store)
    (usage,) = shop.admin("GET", "/v1/usage?since=2000-01-01").json()["items"]
    assert (usage["consumer"], usage["function"]) == ("acme", "shop.items")
    assert (usage["calls"], usage["refused"], usage["failed"]) == (3, 1, 0)
    assert shop.admin("GET", "/v1/usage?since=today").status == 400
