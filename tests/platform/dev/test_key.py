"""The key of `neurova dev` works and lies in one private file."""

from __future__ import annotations

import time
from pathlib import Path

from neurova_gateway.keys import issuer
from neurova_gateway.keys.key import digest, environment
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_platform.dev import key as dev_key


def test_renewal_revokes_the_previous_key(tmp_path: Path) -> None:
    keys = []
    for scopes in (["a:read"], ["a:read", "b:write"]):
        file = dev_key.renew(tmp_path, scopes)
        assert file.stat().st_mode & 0o777 == 0o600
        keys.append(file.read_text().removesuffix("\n"))
    store = SqliteKeyStore(tmp_path / "keys.db")
    first, second = (store.find(digest(key)) for key in keys)
    store.close()
    assert environment(keys[1]) == "test"
    assert first is not None
    assert second is not None
    assert issuer.is_ended(first, time.time())
    assert not issuer.is_ended(second, time.time())
    assert second.scopes == {"a:read", "b:write"}


def test_renewal_keeps_other_keys_of_the_consumer(tmp_path: Path) -> None:
    store = SqliteKeyStore(tmp_path / "keys.db")
    mine = issuer.create(store, dev_key.CONSUMER, "test").record
    dev_key.renew(tmp_path, [])
    dev_key.renew(tmp_path, [])
    living = [each.key_id for each in store.records() if not issuer.is_ended(each, time.time())]
    store.close()
    assert mine.key_id in living
    assert len(living) == 2
