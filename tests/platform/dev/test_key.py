"""The key of `neurova dev` works and is stored in one private file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from neurova.settings.settings import Settings
from neurova_gateway.keys import issuer
from neurova_gateway.keys.key import digest, read_environment
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
    """The consumer's other keys stay valid."""
    store = SqliteKeyStore(settings.state / "keys.db")
    mine = issuer.create(store, dev_key.CONSUMER, "test").record
    keys = []
    for scopes in (["a:read"], ["a:read", "b:write"]):
        file = dev_key.renew(settings, scopes)
        assert file.stat().st_mode & 0o777 == 0o600
        keys.append(file.read_text().removesuffix("\n"))
    first, second = (store.find(digest(key)) for key in keys)
    living = {each.key_id for each in store.records() if not issuer.is_ended(each, time.time())}
    store.close()
    assert read_environment(keys[1]) == "test"
    assert first is not None
    assert second is not None
    assert living == {mine.key_id, second.key_id}
    assert second.scopes == {"a:read", "b:write"}
