"""Keys in PostgreSQL: a copy that is never trusted for long, and an outage that opens nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer
from tests.serving import until

from neurova.errors import StateError, Unavailable
from neurova_gateway.keys import issuer
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.key import digest
from neurova_gateway.keys.postgres import PostgresKeyStore

pytestmark = pytest.mark.server


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create()


@pytest.fixture
def store(url: str) -> Iterator[PostgresKeyStore]:
    opened = PostgresKeyStore(url)
    yield opened
    opened.close()


def unavailable(store: PostgresKeyStore) -> bool:
    try:
        store.find(b"")
    except Unavailable:
        return True
    return False


def test_stores_that_open_together_lay_it_out_once(url: str) -> None:
    opened: list[Any] = []

    def open_() -> None:
        try:
            opened.append(PostgresKeyStore(url))
        except Exception as error:
            opened.append(error)

    threads = [threading.Thread(target=open_) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(store) for store in opened] == [PostgresKeyStore] * 8
    for store in opened:
        store.close()


def test_a_key_made_elsewhere_is_found_and_one_revoked_elsewhere_is_seen(
    url: str, store: PostgresKeyStore
) -> None:
    other = PostgresKeyStore(url)
    key, record = issuer.create(other, "acme", "live")
    until(lambda: store.find(digest(key)) is not None)
    issuer.revoke(other, record.key_id)

    def revoked() -> bool:
        found = store.find(digest(key))
        return found is not None and found.revoked_at is not None

    until(revoked)
    other.close()


def test_changes_by_many_at_once_are_all_seen(url: str, store: PostgresKeyStore) -> None:
    """None becomes visible behind one with a higher number, where nobody would look for it."""
    makers = [PostgresKeyStore(url) for _ in range(4)]

    def make(number: int) -> None:
        for count in range(25):
            name = f"{number}-{count}"
            record = KeyRecord(name, "acme", "live", frozenset(), 0.0, digest(name))
            makers[number].add(record)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = [f"{number}-{count}" for number in range(4) for count in range(25)]
    until(lambda: all(store.find(digest(name)) is not None for name in names))
    for maker in makers:
        maker.close()


def test_an_outage_opens_nothing_and_ends_by_itself(own_postgres: PostgresServer) -> None:
    """Keys at hand go on for their minute, others are unavailable; all work once it is back."""
    store = PostgresKeyStore(own_postgres.create())
    at_hand, _ = issuer.create(store, "acme", "live")
    unseen, _ = issuer.create(store, "bolt", "live")
    ring = KeyCache(store)
    assert ring.find(at_hand) is not None
    own_postgres.stop()
    until(lambda: unavailable(store))
    assert ring.find(at_hand) is not None
    for key in (unseen, "nrv_live_unknown"):
        with pytest.raises(Unavailable):
            ring.find(key)
    with pytest.raises(Unavailable):
        issuer.create(store, "acme", "live")
    own_postgres.start()
    until(lambda: not unavailable(store))
    assert ring.find(unseen) is not None
    store.close()


def test_numbers_that_go_back_are_a_backup_and_all_is_read_anew(
    postgres: PostgresServer, url: str, store: PostgresKeyStore
) -> None:
    key, record = issuer.create(store, "acme", "live")
    issuer.create(store, "acme", "live")
    postgres.run("DELETE FROM nv_keys", url)
    postgres.run("UPDATE nv_keys_changes SET number = 0", url)
    until(lambda: store.find(digest(key)) is None)
    assert record.key_id not in {record.key_id for record in store.records()}


def test_a_table_that_is_half_restored_opens_nothing_and_is_read_once_it_is_whole(
    postgres: PostgresServer, url: str, store: PostgresKeyStore
) -> None:
    key, _ = issuer.create(store, "acme", "live")
    postgres.run("DELETE FROM nv_keys_changes", url)
    until(lambda: unavailable(store))
    postgres.run("INSERT INTO nv_keys_changes VALUES (7, 1)", url)
    until(lambda: not unavailable(store))
    assert store.find(digest(key)) is not None


def test_a_database_that_cannot_be_had_says_the_fix_and_no_password() -> None:
    with pytest.raises(StateError, match=r"start PostgreSQL, or mend gateway\.keys") as caught:
        PostgresKeyStore("postgresql://nobody:pw-of-it@127.0.0.1:1/keys")
    assert "pw-of-it" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_newer_layout_is_refused(
    postgres: PostgresServer, url: str, store: PostgresKeyStore
) -> None:
    postgres.run("UPDATE nv_keys_changes SET layout = 9", url)
    with pytest.raises(StateError, match=r"newer NEUROVA \(layout 9"):
        PostgresKeyStore(url)
    assert store.records() == []


def test_a_dump_holds_no_usable_key(postgres: PostgresServer, url: str) -> None:
    store = PostgresKeyStore(url)
    key, _ = issuer.create(store, "acme", "live", name="till")
    rows = postgres.run("SELECT row_to_json(nv_keys)::text FROM nv_keys", url)
    assert "till" in str(rows)
    assert key not in str(rows)
    assert key[9:] not in str(rows)
    store.close()
