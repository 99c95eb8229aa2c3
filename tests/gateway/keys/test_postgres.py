"""Keys in PostgreSQL: the in-memory copy is never outdated, and an outage admits nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer
from tests.serving import until

from neurova.errors import StateError, Unavailable
from neurova_gateway.keys import issuer
from neurova_gateway.keys.base import KeyRecord, KeyStore
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.factory import open_key_store
from neurova_gateway.keys.key import digest
from neurova_gateway.keys.postgres import PostgresKeyStore

pytestmark = pytest.mark.server


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create()


@pytest.fixture
def store(url: str) -> Iterator[KeyStore]:
    opened = open_key_store(url)
    yield opened
    opened.close()


def is_unavailable(store: KeyStore) -> bool:
    try:
        store.find(b"")
    except Unavailable:
        return True
    return False


def run_together(jobs: list[Callable[[], object]]) -> list[Any]:
    """Run each job in a thread; return the results, or the exception of a failed job."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
    return [future.exception() or future.result() for future in futures]


def test_stores_that_open_together_create_tables_once(url: str) -> None:
    stores = run_together([lambda: open_key_store(url)] * 8)
    assert [type(store) for store in stores] == [PostgresKeyStore] * 8
    for store in stores:
        store.close()


def test_concurrent_changes_are_all_seen(url: str, store: KeyStore) -> None:
    """Changes become visible in numeric order: processes only look for higher numbers."""
    makers = [open_key_store(url) for _ in range(4)]
    names = [f"{maker}-{count}" for maker in range(4) for count in range(25)]

    def make(maker: int) -> None:
        for name in names[maker * 25 : maker * 25 + 25]:
            record = KeyRecord(name, "acme", "live", frozenset(), 0.0, digest(name))
            makers[maker].add(record)

    jobs = [lambda maker=maker: make(maker) for maker in range(4)]
    assert run_together(jobs) == [None] * 4
    until(lambda: all(store.find(digest(name)) is not None for name in names))
    issuer.revoke(makers[0], names[0])

    def is_revoked() -> bool:
        found = store.find(digest(names[0]))
        return found is not None and found.revoked_at is not None

    until(is_revoked)
    for maker in makers:
        maker.close()


def test_outage_admits_no_unknown_key_and_ends_by_itself(own_postgres: PostgresServer) -> None:
    store = open_key_store(own_postgres.create())
    cached, _ = issuer.create(store, "acme", "live")
    unseen, _ = issuer.create(store, "bolt", "live")
    keys = KeyCache(store)
    assert keys.find(cached) is not None
    own_postgres.stop()
    until(lambda: is_unavailable(store))
    assert keys.find(cached) is not None
    for key in (unseen, "nrv_live_unknown"):
        with pytest.raises(Unavailable):
            keys.find(key)
    with pytest.raises(Unavailable):
        issuer.create(store, "acme", "live")
    own_postgres.start()
    until(lambda: not is_unavailable(store))
    assert keys.find(unseen) is not None
    store.close()


def test_restored_backup_is_read_completely(
    postgres: PostgresServer, url: str, store: KeyStore
) -> None:
    key, _ = issuer.create(store, "acme", "live")
    issuer.create(store, "acme", "live")
    postgres.run("DELETE FROM nv_keys", url)
    postgres.run("UPDATE nv_keys_changes SET number = 0", url)
    until(lambda: store.find(digest(key)) is None)
    assert store.records() == []


def test_half_restored_tables_are_an_outage(
    postgres: PostgresServer, url: str, store: KeyStore
) -> None:
    key, _ = issuer.create(store, "acme", "live")
    postgres.run("DELETE FROM nv_keys_changes", url)
    until(lambda: is_unavailable(store))
    with pytest.raises(StateError, match="nv_keys_changes is empty: restore a complete backup"):
        open_key_store(url)
    postgres.run("INSERT INTO nv_keys_changes VALUES (7, 1)", url)
    until(lambda: not is_unavailable(store))
    assert store.find(digest(key)) is not None


def test_unreachable_database_is_named_without_password() -> None:
    with pytest.raises(StateError, match=r"start PostgreSQL, or fix gateway\.keys") as caught:
        open_key_store("postgresql://nobody:pw-of-it@127.0.0.1:1/keys")
    assert "pw-of-it" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_newer_layout_is_refused(postgres: PostgresServer, url: str, store: KeyStore) -> None:
    postgres.run("UPDATE nv_keys_changes SET layout = 9", url)
    with pytest.raises(StateError, match=r"newer NEUROVA \(layout 9"):
        open_key_store(url)
    assert store.records() == []


def test_table_holds_no_usable_key(postgres: PostgresServer, url: str, store: KeyStore) -> None:
    key, _ = issuer.create(store, "acme", "live", name="till")
    rows = str(postgres.run("SELECT row_to_json(nv_keys)::text FROM nv_keys", url))
    assert "till" in rows
    assert key[9:] not in rows
