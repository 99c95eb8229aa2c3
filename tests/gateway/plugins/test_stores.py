"""Plugins of one state folder share its stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

from neurova.errors import ConfigError, StateError
from neurova_gateway.keys import issuer
from neurova_gateway.keys.ring import KeyRing
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import Table
from neurova_gateway.plugins import stores as backends


def test_opened_once(tmp_path: Path) -> None:
    """A folder's files are opened when first asked for, and then shared."""
    state = str(tmp_path)
    opened = backends.of(state)
    try:
        assert backends.of(state) is opened
        assert {"keys.db", "limits.table"} <= {file.name for file in tmp_path.iterdir()}
    finally:
        backends.withdraw(state)
        opened.limiter.close()
        opened.keys._store.close()


def test_provided(tmp_path: Path) -> None:
    """What the composition root gives stands in place of the folder's files, until withdrawn."""
    state = str(tmp_path / "none")
    store, table = SqliteKeyStore(tmp_path / "keys.db"), Table(tmp_path / "limits.table")
    given = backends.Backends(KeyRing(store), table, clock=lambda: 7.0)
    backends.provide(state, given)
    assert backends.of(state) is given
    backends.withdraw(state)
    with pytest.raises(StateError):
        backends.of(state)
    table.close()
    store.close()


@pytest.mark.server
def test_keys_in_postgres(tmp_path: Path, postgres: PostgresServer) -> None:
    """A plugin whose config names a PostgreSQL URL finds keys there; limits stay in the folder."""
    url = postgres.create()
    store = backends.key_store(tmp_path, url)
    key, _ = issuer.create(store, "acme", "live")
    opened = backends.of(str(tmp_path), url)
    assert opened.keys.find(key) is not None
    assert [file.name for file in tmp_path.iterdir()] == ["limits.table"]
    for closing in (opened.limiter, opened.keys._store, store):
        closing.close()


def test_no_folder() -> None:
    """A plugin without a state folder is told what to set."""
    with pytest.raises(ConfigError, match='"state"'):
        backends.of("")
