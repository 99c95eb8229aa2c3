"""The key of `neurova dev` works and lies in one private file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from neurova.settings.settings import Settings
from neurova_gateway.keys import issuer
from neurova_gateway.keys.key import digest, environment
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_platform.composition.state import prepare
from neurova_platform.dev import key as dev_key
from neurova_platform.settings.loading import load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an empty project with a state folder."""
    (tmp_path / "neurova.toml").touch()
    loaded = load(tmp_path, environ={})
    prepare(loaded.state)
    return loaded


def test_renewal_revokes_the_previous_key(settings: Settings) -> None:
    keys = []
    for scopes in (["a:read"], ["a:read", "b:write"]):
        file = dev_key.renew(settings, scopes)
        assert file.stat().st_mode & 0o777 == 0o600
        keys.append(file.read_text().removesuffix("\n"))
    store = SqliteKeyStore(settings.state / "keys.db")
    first, second = (store.find(digest(key)) for key in keys)
    store.close()
    assert environment(keys[1]) == "test"
    assert first is not None
    assert second is not None
    assert issuer.is_ended(first, time.time())
    assert not issuer.is_ended(second, time.time())
    assert second.scopes == {"a:read", "b:write"}


def test_renewal_keeps_other_keys_of_the_consumer(settings: Settings) -> None:
    store = SqliteKeyStore(settings.state / "keys.db")
    mine = issuer.create(store, dev_key.CONSUMER, "test").record
    dev_key.renew(settings, [])
    dev_key.renew(settings, [])
    living = [each.key_id for each in store.records() if not issuer.is_ended(each, time.time())]
    store.close()
    assert mine.key_id in living
    assert len(living) == 2
