"""Authentication by key; tests/plugins tests the refusals in both hosts."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova_gateway.keys import key as keys
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.plugins.auth import Authenticator, Grant

KEY = keys.generate("live")
RECORD = KeyRecord("k1", "acme", "live", frozenset(["a:read"]), 0.0)


class Store:
    """Keys by their text; it counts look-ups."""

    def __init__(self, *records: KeyRecord, down: bool = False) -> None:
        self.records = dict(zip([KEY], records, strict=False))
        self.down = down
        self.lookups = 0

    def find(self, key: str) -> KeyRecord | None:
        self.lookups += 1
        if self.down:
            raise Unavailable("down")
        return self.records.get(key)

    def find_cached(self, key_digest: bytes) -> KeyRecord | None:
        return None


def no_address() -> str:
    raise AssertionError("the address was read")


def decide(store: Store, headers: dict[str, list[str]] | None = None, **options: Any) -> Any:
    options.setdefault("accepted", "live")
    authenticator = Authenticator(store, **options)
    return authenticator.decide({"x-api-key": [KEY]} if headers is None else headers, no_address)


def test_grant_follows_a_changed_record() -> None:
    store = Store(RECORD)
    authenticator = Authenticator(store, accepted="live")
    headers = {"x-api-key": [KEY]}
    first = authenticator.decide(headers, no_address)
    assert authenticator.decide(headers, no_address) is first
    store.records[KEY] = KeyRecord("k1", "acme", "live", frozenset(["b:read"]), 0.0, limits="1/day")
    second = authenticator.decide(headers, no_address)
    assert isinstance(second, Grant)
    assert second.nv["scopes"] == "b:read"
    assert second.nv["limits"] == "1/day"


@pytest.mark.parametrize(
    "key", ["", "nrv_live_", KEY[:-1], KEY[:-1] + "~", KEY + "a", KEY.upper(), None], ids=range(7)
)
def test_text_that_is_no_key_costs_no_lookup(key: str | None) -> None:
    store = Store(RECORD)
    assert decide(store, {"x-api-key": [] if key is None else [key]}).status == 401
    assert store.lookups == 0


def test_key_of_another_environment_is_refused() -> None:
    """The prefix decides without a look-up; otherwise the record decides."""
    store = Store(RECORD)
    refusal = decide(store, accepted="test")
    assert refusal.status == 401
    assert "nrv_test_" in refusal.body["detail"]
    assert store.lookups == 0
    assert decide(Store(KeyRecord("k1", "acme", "test", frozenset(), 0.0))).status == 401


@pytest.mark.parametrize("now", [99.0, 100.0])
@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_key_ends_exactly_at_its_end(field: str, now: float) -> None:
    record = KeyRecord("k1", "acme", "live", frozenset(), 0.0, **{field: 100.0})  # type: ignore[arg-type]
    verdict = decide(Store(record), clock=lambda: now)
    assert isinstance(verdict, Grant) is (now < 100)


def test_unavailable_store_closes_all_but_public_routes() -> None:
    store = Store(down=True)
    assert decide(store, public=True).caller.anonymous
    assert store.lookups == 0
    refusal = decide(store)
    assert refusal.status == 503
    assert refusal.headers["retry-after"] == "1"


def test_refusal_of_two_credentials_names_both() -> None:
    refusal = decide(Store(), {"x-api-key": [KEY], "authorization": [f"Bearer {KEY}"]})
    assert [fault["pointer"] for fault in refusal.body["errors"]] == [
        "/x-api-key",
        "/authorization",
    ]
    assert all(fault["in"] == "header" for fault in refusal.body["errors"])
