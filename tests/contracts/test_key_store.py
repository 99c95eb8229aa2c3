"""The contract of key stores; a new backend is one line in BACKENDS."""

from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.serving import until

from neurova.errors import Unavailable
from neurova_gateway.keys.base import ConsumerRecord, KeyRecord, KeyStore, Usage
from neurova_gateway.keys.factory import key_store_url, open_key_store

Open = Callable[[], KeyStore]


def sqlite_url(request: pytest.FixtureRequest) -> str:
    return key_store_url(request.getfixturevalue("tmp_path"))


def postgres_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("postgres").create()
    return url


BACKENDS = [
    pytest.param(sqlite_url, id="sqlite"),
    pytest.param(postgres_url, id="postgres", marks=pytest.mark.server),
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
    plan="gold",
    custom_id="crm-7",
    quota=7,
    cidrs=("10.0.0.0/8", "2001:db8::/32"),
    name="Kassa 1, Zürich",
)
PLAIN = KeyRecord("key_b", "bolt", "test", frozenset(), 900.0, b"b" * 32)


@pytest.fixture(params=BACKENDS)
def open_store(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Return a function that opens the same store again, as another process would."""
    stores: list[KeyStore] = []
    url = request.param(request)

    def open_() -> KeyStore:
        stores.append(open_key_store(url))
        return stores[-1]

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Open) -> KeyStore:
    return open_store()


@pytest.mark.parametrize("record", [FULL, PLAIN], ids=["full", "plain"])
def test_key_is_found_as_stored(store: KeyStore, record: KeyRecord):
    assert store.find(record.digest) is None
    store.add(record)
    assert store.find(record.digest) == record
    assert store.find(b"") is None


def test_key_is_never_overwritten(store: KeyStore):
    store.add(PLAIN)
    for taken in ({"digest": b"c" * 32}, {"key_id": "key_c"}):
        fields = {name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__}
        with pytest.raises(ValueError, match="is stored already"):
            store.add(KeyRecord(**(fields | taken | {"consumer": "thief"})))
    assert store.records() == [PLAIN]


def test_keys_are_listed_oldest_first(store: KeyStore):
    store.add(FULL)
    store.add(PLAIN)
    assert [r.key_id for r in store.records()] == ["key_b", "key_a"]
    assert [r.key_id for r in store.records("acme")] == ["key_a"]
    assert store.records("nobody") == store.records("a\0b") == []


def test_revocation_never_moves_later(store: KeyStore):
    store.add(PLAIN)
    ends = []
    for at in (5000.0, 3000.0, 4000.0):
        assert store.revoke("key_b", at)
        found = store.find(PLAIN.digest)
        assert found is not None
        ends.append(found.revoked_at)
    assert ends == [5000.0, 3000.0, 3000.0]
    assert store.revoke("key_x", 1.0) is False


def test_consumer_limits_bind_old_and_new_keys(store: KeyStore):
    store.add(PLAIN)
    store.set_consumer("bolt", limits="5/second")
    store.add(KeyRecord("key_c", "bolt", "test", frozenset(), 901.0, b"c" * 32))
    store.set_consumer("acme", limits="9/second")
    assert [r.consumer_limits for r in store.records("bolt")] == ["5/second"] * 2
    store.set_consumer("bolt", limits="")
    assert [r.consumer_limits for r in store.records("bolt")] == [""] * 2


def test_change_of_a_consumer_keeps_its_other_fields(store: KeyStore):
    store.set_consumer("bolt", plan="gold", metadata={"tier": "é"})
    store.set_consumer("bolt", custom_id="42")
    store.set_consumer("acme", limits="9/second")
    assert list(store.consumers()) == [
        ConsumerRecord("acme", "9/second"),
        ConsumerRecord("bolt", "", "gold", "42", {"tier": "é"}),
    ]


def test_usage_of_several_processes_is_added(open_store: Open):
    old = Usage("2026-11-29", "acme", "key_a", "booking.read", 1, 0, 0)
    new = Usage("2026-11-30", "bolt", "key_b", "booking.read", 3, 2, 1)
    for store in (open_store(), open_store()):
        store.add_usage([new, old])
    store = open_store()
    assert store.usage("2026-11-30") == [msgspec.structs.replace(new, calls=6, refused=4, failed=2)]
    assert [each.calls for each in store.usage("2026-11-01", "acme")] == [2]
    store.drop_usage("2026-11-30")
    assert [each.consumer for each in store.usage("")] == ["bolt"]


def test_last_use_only_moves_forward(store: KeyStore):
    store.add(PLAIN)
    for at in (1000.0, 3000.0, 2000.0):
        store.touch({"key_b": at, "key_gone": at})
    assert [r.last_used_at for r in store.records()] == [3000.0]


@pytest.mark.parametrize(
    ("change", "changes"),
    [
        (lambda store: store.add(FULL), True),
        (lambda store: store.revoke("key_b", 1.0), True),
        (lambda store: store.set_consumer("bolt", plan="gold"), True),
        (lambda store: store.touch({"key_b": 5.0}), False),
    ],
    ids=["add", "revoke", "plan", "last use"],
)
def test_each_change_but_last_use_changes_the_version_everywhere(
    open_store: Open, change: Callable[[KeyStore], object], changes: bool
):
    changer, other = open_store(), open_store()
    changer.add(PLAIN)
    before = (changer.version(), other.version())
    assert before == (changer.version(), other.version())
    change(changer)
    assert (changer.version() != before[0]) == changes
    until(lambda: (other.version() != before[1]) == changes)  # after PostgreSQL's next refresh


def test_closed_store_is_unavailable(store: KeyStore):
    store.close()
    for use in (
        lambda: store.find(b"a" * 32),
        lambda: store.add(PLAIN),
        lambda: store.revoke("key_b", 1.0),
        lambda: store.records(),
        lambda: store.set_consumer("bolt", limits=""),
        lambda: store.touch({"key_b": 1.0}),
        lambda: store.version(),
    ):
        with pytest.raises(Unavailable):
            use()
