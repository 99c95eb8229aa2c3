"""What every key store does; a new backend joins by one line in BACKENDS."""

from collections.abc import Callable, Iterator

import pytest
from tests.serving import until

from neurova.errors import Unavailable
from neurova_gateway.keys.base import KeyRecord, KeyStore
from neurova_gateway.keys.postgres import PostgresKeyStore
from neurova_gateway.keys.sqlite import SqliteKeyStore

Open = Callable[[], KeyStore]


def on_sqlite(request: pytest.FixtureRequest) -> Open:
    folder = request.getfixturevalue("tmp_path")
    return lambda: SqliteKeyStore(folder / "keys.db")


def on_postgres(request: pytest.FixtureRequest) -> Open:
    url = request.getfixturevalue("postgres").create()
    return lambda: PostgresKeyStore(url)


BACKENDS = [
    pytest.param(on_sqlite, id="sqlite"),
    pytest.param(on_postgres, id="postgres", marks=pytest.mark.server),
]

FULL = KeyRecord(
    key_id="key_a",
    consumer="acme",
    environment="live",
    scopes=frozenset({"booking:read", "booking:write"}),
    created_at=1000.25,
    digest=b"a" * 32,
    expires_at=2000.5,
    revoked_at=1900.0,
    last_used_at=1500.0,
    limits="10/second",
    consumer_limits="100/minute",
    quota=7,
    cidrs=("10.0.0.0/8", "2001:db8::/32"),
    name="Kassa 1, Zürich",
)
PLAIN = KeyRecord("key_b", "bolt", "test", frozenset(), 900.0, b"b" * 32)


@pytest.fixture(params=BACKENDS)
def open_store(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Open the one store as often as the test wants, as several processes would."""
    stores: list[KeyStore] = []
    opened = request.param(request)

    def open_() -> KeyStore:
        stores.append(opened())
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Open) -> KeyStore:
    return open_store()


@pytest.mark.parametrize("record", [FULL, PLAIN], ids=["full", "plain"])
def test_a_key_is_found_as_it_was_stored(store: KeyStore, record: KeyRecord):
    store.add(record)
    assert store.find(record.digest) == record


def test_a_key_that_nobody_stored_is_not_found(store: KeyStore):
    store.add(PLAIN)
    assert store.find(b"c" * 32) is None
    assert store.find(b"") is None


def test_a_key_is_never_overwritten(store: KeyStore):
    store.add(PLAIN)
    for taken in ({"digest": b"c" * 32}, {"key_id": "key_c"}):
        fields = {name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__}
        with pytest.raises(ValueError, match="is stored already"):
            store.add(KeyRecord(**(fields | taken | {"consumer": "thief"})))
    assert store.records() == [PLAIN]


def test_keys_are_listed_oldest_first_and_by_consumer(store: KeyStore):
    store.add(FULL)
    store.add(PLAIN)
    assert [r.key_id for r in store.records()] == ["key_b", "key_a"]
    assert [r.key_id for r in store.records("acme")] == ["key_a"]
    assert list(store.records("nobody")) == []


def test_a_key_ends_when_it_is_revoked_and_never_later(store: KeyStore):
    store.add(PLAIN)
    ends = []
    for at in (5000.0, 3000.0, 4000.0):
        assert store.revoke("key_b", at)
        found = store.find(PLAIN.digest)
        assert found is not None
        ends.append(found.revoked_at)
    assert ends == [5000.0, 3000.0, 3000.0]


def test_revoking_a_key_that_is_not_there_says_so(store: KeyStore):
    assert store.revoke("key_x", 1.0) is False


def test_a_consumer_that_cannot_be_has_no_keys(store: KeyStore):
    store.add(FULL)
    assert store.records("a\0b") == []


def test_consumer_limits_hold_for_keys_made_before_and_after(store: KeyStore):
    store.add(PLAIN)
    store.set_consumer_limits("bolt", "5/second")
    store.add(KeyRecord("key_c", "bolt", "test", frozenset(), 901.0, b"c" * 32))
    store.set_consumer_limits("acme", "9/second")
    assert [r.consumer_limits for r in store.records("bolt")] == ["5/second"] * 2
    store.set_consumer_limits("bolt", "")
    assert [r.consumer_limits for r in store.records("bolt")] == [""] * 2


def test_last_use_only_moves_forward(store: KeyStore):
    store.add(PLAIN)
    for at in (1000.0, 3000.0, 2000.0):
        store.touch({"key_b": at, "key_gone": at})
    assert [r.last_used_at for r in store.records()] == [3000.0]


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.add(FULL),
        lambda store: store.revoke("key_b", 1.0),
        lambda store: store.set_consumer_limits("bolt", "1/day"),
    ],
    ids=["add", "revoke", "limits"],
)
def test_the_version_tells_each_change_to_whoever_has_the_store_open(
    open_store: Open, change: Callable[[KeyStore], object]
):
    changer, other = open_store(), open_store()
    changer.add(PLAIN)
    before = (changer.version(), other.version())
    assert before == (changer.version(), other.version())
    change(changer)
    assert changer.version() != before[0]
    until(lambda: other.version() != before[1])  # within a second: PostgreSQL is asked now and then


def test_last_use_is_no_change(open_store: Open):
    changer, other = open_store(), open_store()
    changer.add(PLAIN)
    before = (changer.version(), other.version())
    changer.touch({"key_b": 5.0})
    assert (changer.version(), other.version()) == before


def test_a_store_that_is_closed_is_unavailable(store: KeyStore):
    store.close()
    for use in (
        lambda: store.find(b"a" * 32),
        lambda: store.add(PLAIN),
        lambda: store.revoke("key_b", 1.0),
        lambda: store.records(),
        lambda: store.set_consumer_limits("bolt", ""),
        lambda: store.touch({"key_b": 1.0}),
        lambda: store.version(),
    ):
        with pytest.raises(Unavailable):
            use()
