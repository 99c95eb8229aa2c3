from functools import partial
from typing import Any

import pytest

from neurova_gateway.keys import issuer, key
from neurova_gateway.keys.sqlite import SqliteKeyStore

KEY = key.generate("live")


def test_created_key_has_its_rights(store: SqliteKeyStore):
    made, record = issuer.create(
        store, "acme", "live", ["booking:write", "booking:read"], expires_in=60,
        limits="5000/day,100/second", quota=7, cidrs=["::ffff:10.0.0.0/104", "2001:db8::1"],
        name="the till", now=1000,
    )  # fmt: skip
    assert store.find(key.digest(made)) == record
    assert key.read_environment(made) == "live"
    assert record.scopes == {"booking:write", "booking:read"}
    assert (record.created_at, record.expires_at) == (1000, 1060)
    assert record.limits == "100/second, 5000/day"
    assert record.cidrs == ("10.0.0.0/8", "2001:db8::1/128")
    assert (record.quota, record.name) == (7, "the till")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"consumer": ""}, "consumer '': write 1 to 128 printable characters"),
        ({"consumer": "a" * 129}, "write 1 to 128 printable"),
        ({"consumer": "a\nb"}, "write 1 to 128 printable"),
        ({"consumer": " acme"}, "no space at either end"),
        ({"consumer": "\ud800"}, "write 1 to 128 printable"),
        ({"name": "a\x1b[2J"}, "name 'a.x1b.2J': write"),
        ({"consumer": KEY}, "^consumer: that is a key itself, give a name"),
        ({"name": f"of {KEY}"}, "^name: that is a key itself"),
        ({"environment": "prod"}, 'write "live" or "test"'),
        ({"scopes": "booking:read"}, "is one string: give a list"),
        ({"scopes": ["Booking:Read"]}, 'in lower case, like "booking:write"'),
        ({"scopes": ["a" * 129]}, "in lower case"),
        ({"scopes": ["booking:*"]}, "in lower case"),
        ({"expires_in": 0}, "give seconds above 0, or None"),
        ({"expires_in": float("nan")}, "give seconds above 0, or None"),
        ({"limits": "many"}, "limits: 'many' is not a limit: write"),
        ({"quota": -1}, "give the calls allowed in 30 days"),
        ({"quota": 10**23}, "up to 1000000000000; 0: no quota"),
        ({"cidrs": ["10.1.2.3/8"]}, r"did you mean 10\.0\.0\.0/8\?"),
        ({"cidrs": ["ten"]}, "write a network like"),
        ({"cidrs": "10.0.0.0/8"}, "is one string: give a list"),
    ],
)
def test_bad_argument_is_named_and_not_stored(
    store: SqliteKeyStore, change: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        issuer.create(store, **({"consumer": "acme", "environment": "test"} | change))
    assert store.records() == []


def test_rotated_key_works_until_the_overlap_ends(store: SqliteKeyStore):
    old_key, old = issuer.create(
        store, "acme", "test", ["a:b"], 500, "9/second", 3, ["10.0.0.0/8"], name="till", now=1000
    )
    store.touch({old.key_id: 1001})
    new_key, new = issuer.rotate(store, old.key_id, 30, now=1400)
    assert new_key != old_key
    assert store.find(key.digest(new_key)) == new
    ending = store.find(key.digest(old_key))
    assert ending is not None
    assert not issuer.is_ended(ending, 1429.9)
    assert issuer.is_ended(ending, 1430)
    assert (new.created_at, new.expires_at, new.revoked_at) == (1400, 1900, None)
    assert new.last_used_at is None
    for right in ("consumer", "environment", "scopes", "limits", "quota", "cidrs", "name"):
        assert getattr(new, right) == getattr(old, right)


def test_ending_key_is_rotated_into_a_lasting_one(store: SqliteKeyStore):
    _, record = issuer.create(store, "acme", "test", now=1000)
    store.revoke(record.key_id, 2000)
    assert issuer.rotate(store, record.key_id, 30, now=1000).record.revoked_at is None


def test_ended_or_unknown_key_is_not_rotated(store: SqliteKeyStore):
    made, record = issuer.create(store, "acme", "test", now=1000)
    issuer.revoke(store, record.key_id, now=1001)
    with pytest.raises(ValueError, match="has ended: create a new one for 'acme'"):
        issuer.rotate(store, record.key_id, 30, now=1002)
    with pytest.raises(ValueError, match="no key has this id: `neurova keys list` lists"):
        issuer.rotate(store, made[9:], 30)
    for name_by_key in (partial(issuer.rotate, overlap=30), issuer.revoke):
        with pytest.raises(ValueError, match="that is the key itself, give its id"):
            name_by_key(store, made)
    with pytest.raises(ValueError, match="seconds, 0 or more"):
        issuer.rotate(store, record.key_id, -1)
    assert len(store.records()) == 1


def test_revocation_ends_a_key_within_its_overlap(store: SqliteKeyStore):
    made, record = issuer.create(store, "acme", "test", now=1000)
    issuer.rotate(store, record.key_id, 3600, now=1000)
    issuer.revoke(store, record.key_id, now=1001)
    found = store.find(key.digest(made))
    assert found is not None
    assert issuer.is_ended(found, 1001)
    with pytest.raises(ValueError, match="no key has this id"):
        issuer.revoke(store, "key_none")


def test_repr_shows_no_key_or_digest(store: SqliteKeyStore):
    issued = issuer.create(store, "acme", "test")
    shown = f"{issued!r} {issued} {issued.record!r} {issued.record} {store!r} {store.records()!r}"
    assert issued.key not in shown
    assert repr(issued.record.digest) not in shown
    assert "digest" not in dict(issued.record.__rich_repr__())
