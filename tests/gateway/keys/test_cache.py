"""The cache rarely asks the store and never returns an outdated answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova_gateway.keys import cache, issuer, key
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.cache import KeyCache


class StubStore:
    """An in-memory key store that counts look-ups and can be down."""

    def __init__(self) -> None:
        self.is_down = False
        self.finds = 0
        self.used: dict[str, float] = {}
        self._records: dict[bytes, KeyRecord] = {}
        self._version = 0

    def find(self, digest: bytes) -> KeyRecord | None:
        self._check()
        self.finds += 1
        return self._records.get(digest)

    def add(self, record: KeyRecord) -> None:
        self._records[record.digest] = record
        self._version += 1

    def revoke(self, key_id: str, at: float) -> bool:
        for digest, record in self._records.items():
            if record.key_id == key_id:
                self._records[digest] = KeyRecord(
                    key_id, record.consumer, "test", frozenset(), 0.0, digest, revoked_at=at
                )
        self._version += 1
        return True

    def touch(self, used: dict[str, float]) -> None:
        self._check()
        self.used |= used

    def version(self) -> int:
        self._check()
        return self._version

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("down")


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=50.0)


@pytest.fixture
def store() -> Any:
    return StubStore()


@pytest.fixture
def keys(store: Any, clock: SimpleNamespace) -> KeyCache:
    return KeyCache(store, clock=lambda: clock.now, wall=lambda: clock.now + 1_000_000)


def create(store: Any) -> tuple[str, KeyRecord]:
    return issuer.create(store, "acme", "test")


def test_cached_key_costs_no_lookup(store: Any, keys: KeyCache, clock: SimpleNamespace) -> None:
    made, record = create(store)
    for _ in range(100):
        clock.now += 1
        assert keys.find(made) == record
    assert store.finds == 1


def test_revocation_is_seen_within_a_quarter_second(
    store: Any, keys: KeyCache, clock: SimpleNamespace
) -> None:
    made, record = create(store)
    keys.find(made)
    store.revoke(record.key_id, 7)
    clock.now += 0.25
    found = keys.find(made)
    assert found is not None
    assert found.revoked_at == 7


def test_new_key_works_at_once(store: Any, keys: KeyCache) -> None:
    unknown = key.generate("test")
    assert keys.find(unknown) is None
    made, record = create(store)
    assert keys.find(made) == record


def test_last_uses_are_flushed_in_one_batch(
    store: Any, keys: KeyCache, clock: SimpleNamespace
) -> None:
    made = [create(store) for _ in range(3)]
    for text, _ in made:
        clock.now += 1
        keys.find(text)
    clock.now += 100
    keys.flush()
    expected = (1_000_051, 1_000_052, 1_000_053)
    assert store.used == {r.key_id: at for (_, r), at in zip(made, expected, strict=True)}


def test_cached_keys_outlive_an_outage_by_a_minute(
    store: Any, keys: KeyCache, clock: SimpleNamespace
) -> None:
    made, record = create(store)
    other, _ = create(store)
    keys.find(made)
    store.is_down = True
    clock.now += 59.9
    assert keys.find(made) == record
    for unseen in (other, key.generate("test")):
        with pytest.raises(Unavailable):
            keys.find(unseen)
    clock.now += 0.1
    with pytest.raises(Unavailable):
        keys.find(made)
    store.is_down = False
    clock.now += 0.25
    assert keys.find(made) == record
    assert keys.find(other) is not None


def test_change_seen_before_an_outage_is_kept(
    store: Any, keys: KeyCache, clock: SimpleNamespace
) -> None:
    """Once the cache has seen that any key changed, it must not use the old record."""
    made, record = create(store)
    other, _ = create(store)
    keys.find(made)
    store.revoke(record.key_id, 7)
    clock.now += 1
    keys.find(other)
    store.is_down = True
    with pytest.raises(Unavailable):
        keys.find(made)


def test_last_uses_survive_an_outage(store: Any, keys: KeyCache) -> None:
    made, record = create(store)
    keys.find(made)
    store.is_down = True
    with pytest.raises(Unavailable):
        keys.flush()
    store.is_down = False
    keys.flush()
    assert store.used == {record.key_id: 1_000_050}


def test_cache_size_is_bounded(store: Any, keys: KeyCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CACHE_SIZE", 3)
    made = [create(store)[0] for _ in range(5)]
    for text in made:
        assert keys.find(text) is not None
        assert keys.find(key.generate("test")) is None  # unknown keys must not fill the cache
    finds = store.finds
    assert all(keys.find(text) is not None for text in made[2:])
    assert store.finds == finds
    assert keys.find(made[0]) is not None
    assert store.finds == finds + 1
