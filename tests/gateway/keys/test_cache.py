import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from neurova.errors import Unavailable
from neurova_gateway.keys import cache, issuer, key
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.sqlite import SqliteKeyStore


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(50.0)


@pytest.fixture
def keys(store: SqliteKeyStore, clock: Clock) -> KeyCache:
    return KeyCache(store, clock=clock, wall=lambda: clock.now + 1_000_000)


@pytest.fixture
def outage(path: Path, tmp_path: Path) -> Callable[[bool], None]:
    """Take the store's file away, and bring it back."""
    away = tmp_path / "away.db"

    def set_(down: bool) -> None:
        shutil.move(*((path, away) if down else (away, path)))

    return set_


def statements(store: SqliteKeyStore) -> list[str]:
    seen: list[str] = []
    store._reader.set_trace_callback(seen.append)
    return seen


def test_a_key_at_hand_costs_the_store_nothing(store: SqliteKeyStore, keys: KeyCache):
    made, record = issuer.create(store, "acme", "test")
    assert keys.find(made) == record
    seen = statements(store)
    for _ in range(100):
        assert keys.find(made) == record
    assert seen == []


def test_a_revocation_by_anybody_is_seen_within_a_quarter_second(
    path: Path, store: SqliteKeyStore, keys: KeyCache, clock: Clock
):
    made, record = issuer.create(store, "acme", "test")
    keys.find(made)
    other = SqliteKeyStore(path)
    issuer.revoke(other, record.key_id, now=7)
    other.close()
    clock.now += 0.25
    found = keys.find(made)
    assert found is not None
    assert found.revoked_at == 7


def test_a_new_key_works_at_once_though_it_was_asked_for_before(
    store: SqliteKeyStore, keys: KeyCache
):
    made, record = issuer.create(store, "acme", "test")
    unknown = key.generate("test")
    assert keys.find(unknown) is None
    assert keys.find(made) == record


def test_last_use_is_flushed_in_one_batch_and_drops_nothing_at_hand(
    store: SqliteKeyStore, keys: KeyCache, clock: Clock
):
    made = [issuer.create(store, "acme", "test").key for _ in range(3)]
    for k in made:
        clock.now += 1
        keys.find(k)
    clock.now += 100
    keys.flush()
    assert [r.last_used_at for r in store.records()] == [1_000_051, 1_000_052, 1_000_053]
    keys.find(made[0])
    seen = statements(store)
    clock.now += 1
    keys.find(made[0])
    assert all("FROM keys" not in statement for statement in seen)


def test_while_the_store_is_down_keys_at_hand_work_for_a_minute_and_others_never(
    store: SqliteKeyStore, keys: KeyCache, clock: Clock, outage: Callable[[bool], None]
):
    made, record = issuer.create(store, "acme", "test")
    other = issuer.create(store, "acme", "test").key
    keys.find(made)
    outage(True)
    clock.now += 59.9
    assert keys.find(made) == record
    with pytest.raises(Unavailable):
        keys.find(other)
    with pytest.raises(Unavailable):
        keys.find(key.generate("test"))
    clock.now += 0.1
    with pytest.raises(Unavailable):
        keys.find(made)
    outage(False)
    clock.now += 0.25
    assert keys.find(made) == record
    assert keys.find(other) is not None


def test_a_change_seen_just_before_the_store_goes_down_is_not_forgotten(
    store: SqliteKeyStore, keys: KeyCache, clock: Clock, outage: Callable[[bool], None]
):
    made, record = issuer.create(store, "acme", "test")
    other = issuer.create(store, "acme", "test").key
    keys.find(made)
    issuer.revoke(store, record.key_id)
    clock.now += 1
    keys.find(other)
    outage(True)
    with pytest.raises(Unavailable):
        keys.find(made)


def test_last_use_waits_for_the_store_to_come_back(
    store: SqliteKeyStore, keys: KeyCache, clock: Clock, outage: Callable[[bool], None]
):
    made = issuer.create(store, "acme", "test").key
    keys.find(made)
    outage(True)
    with pytest.raises(Unavailable):
        keys.flush()
    outage(False)
    keys.flush()
    assert store.records()[0].last_used_at == 1_000_050


def test_what_is_at_hand_is_bounded_and_unknown_keys_take_no_room(
    store: SqliteKeyStore, keys: KeyCache, monkeypatch
):
    monkeypatch.setattr(cache, "CACHE_SIZE", 3)
    made = [issuer.create(store, "acme", "test").key for _ in range(5)]
    for k in made:
        assert keys.find(k) is not None
        assert keys.find(key.generate("test")) is None
    assert len(keys._records) == 3
    assert all(keys.find(k) is not None for k in made)
