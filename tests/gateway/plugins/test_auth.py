"""One key decides who may call; the plain refusals are in tests/plugins, in both hosts."""

from __future__ import annotations

from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova_gateway.keys import key as keys
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.plugins.auth import Authenticator, Grant
from neurova_gateway.plugins.refusal import Refusal

KEY = keys.generate("live")
RECORD = KeyRecord("k1", "acme", "live", frozenset(["a:read"]), 0.0)


class Store:
    """Keys by their text, and how often it was asked."""

    def __init__(self, *records: KeyRecord, down: bool = False) -> None:
        self.records = dict(zip([KEY], records, strict=False))
        self.down = down
        self.asked = 0

    def find(self, key: str) -> KeyRecord | None:
        self.asked += 1
        if self.down:
            raise Unavailable("down")
        return self.records.get(key)

    def find_cached(self, wanted: bytes) -> KeyRecord | None:
        return None


def nowhere() -> str:
    raise AssertionError("the address was asked for")


def decide(store: Store, headers: dict[str, list[str]] | None = None, **options: Any) -> Any:
    options.setdefault("taken", "live")
    authenticator = Authenticator(store, **options)
    return authenticator.decide({"x-api-key": [KEY]} if headers is None else headers, nowhere)


def test_grant() -> None:
    """A good key's grant says who calls, in each form."""
    grant = decide(Store(RECORD))
    assert isinstance(grant, Grant)
    assert (grant.caller.consumer, grant.caller.key_id) == ("acme", "k1")
    assert grant.nv == {
        "consumer": "acme",
        "key_id": "k1",
        "environment": "live",
        "scopes": "a:read",
    }
    assert grant.consumer["username"] == "acme"
    assert grant.credential == {"id": "k1"}


def test_grant_follows_the_record() -> None:
    """A changed record changes the grant at once, though grants are remembered."""
    store = Store(RECORD)
    authenticator = Authenticator(store, taken="live")
    headers = {"x-api-key": [KEY]}
    first = authenticator.decide(headers, nowhere)
    assert authenticator.decide(headers, nowhere) is first
    store.records[KEY] = KeyRecord("k1", "acme", "live", frozenset(["b:read"]), 0.0, limits="1/day")
    second = authenticator.decide(headers, nowhere)
    assert isinstance(second, Grant)
    assert second.nv["scopes"] == "b:read"
    assert second.nv["limits"] == "1/day"


def test_grants_are_bounded() -> None:
    """Any number of keys takes no more memory than some thousands."""
    store = Store(RECORD)
    authenticator = Authenticator(store, taken="live")
    for number in range(10_000):
        store.records[KEY] = KeyRecord(f"k{number}", "acme", "live", frozenset(), 0.0)
        authenticator.decide({"x-api-key": [KEY]}, nowhere)
    assert len(authenticator._grants) <= 4_000


@pytest.mark.parametrize(
    "key", ["", "nrv_live_", KEY[:-1], KEY[:-1] + "~", KEY + "a", KEY.upper()], ids=range(6)
)
def test_typo_costs_no_lookup(key: str) -> None:
    """What cannot be a key is refused without the store."""
    store = Store(RECORD)
    assert decide(store, {"x-api-key": [key]}).status == 401
    assert store.asked == 0


def test_other_environment_costs_no_lookup() -> None:
    """A key of the other environment is refused without the store, and told so."""
    store = Store(RECORD)
    refusal = decide(store, taken="test")
    assert refusal.status == 401
    assert "nrv_test_" in refusal.body["detail"]
    assert store.asked == 0


def test_record_of_another_environment() -> None:
    """The record's environment counts too, whatever the key's spelling says."""
    record = KeyRecord("k1", "acme", "test", frozenset(), 0.0)
    assert decide(Store(record)).status == 401


@pytest.mark.parametrize("now", [99.0, 100.0])
@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_end_of_a_key(field: str, now: float) -> None:
    """A key ends at the second it is said to, not one later."""
    record = KeyRecord("k1", "acme", "live", frozenset(), 0.0, **{field: 100.0})  # type: ignore[arg-type]
    verdict = decide(Store(record), clock=lambda: now)
    assert isinstance(verdict, Grant) is (now < 100)


def test_store_down() -> None:
    """A store that does not answer refuses, and says when to come again."""
    refusal = decide(Store(down=True))
    assert refusal.status == 503
    assert refusal.headers["retry-after"] == "1"


def test_public_asks_nobody() -> None:
    """On a public route no store is asked, so none that is down closes it."""
    store = Store(down=True)
    grant = decide(store, public=True)
    assert grant.caller.anonymous
    assert store.asked == 0


def test_refusal_names_the_fields() -> None:
    """Two credentials are refused naming both fields by JSON pointer."""
    refusal = decide(Store(), {"x-api-key": [KEY], "authorization": [f"Bearer {KEY}"]})
    assert [fault["pointer"] for fault in refusal.body["errors"]] == [
        "/x-api-key",
        "/authorization",
    ]
    assert all(fault["in"] == "header" for fault in refusal.body["errors"])


def test_refusals_never_hold_the_key() -> None:
    """No refusal repeats what was presented."""
    for store, options in (
        (Store(), {}),
        (Store(RECORD), {"scopes": ["z"]}),
        (Store(), {"taken": "test"}),
    ):
        refusal = decide(store, **options)
        assert isinstance(refusal, Refusal)
        assert KEY not in repr(refusal)


def test_no_none_before_another_argument() -> None:
    """A refusal's arguments hold no None: Kong drops what follows one."""
    assert None not in decide(Store(), {})


def test_headers_without_values() -> None:
    """A field that came without any value is one without a key."""
    assert decide(Store(), {"x-api-key": []}).status == 401
    assert decide(Store(), {"authorization": []}).status == 401
