"""Each host opens the stores and passes them to its plugins."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.servers.postgres import PostgresServer

from neurova_gateway.keys import issuer
from neurova_gateway.keys.factory import open_key_store
from neurova_gateway.plugins.stores import StoreOpener, bound_stores


def test_configs_of_one_folder_share_stores(tmp_path: Path) -> None:
    opener = StoreOpener()
    one, other = (bound_stores(opener.bind({"state": str(tmp_path)})) for _ in range(2))
    assert one is other
    one.limiter.close()
    one.keys.store.close()


@pytest.mark.server
def test_config_names_postgres_for_keys(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.create()
    store = open_key_store(url)
    key, _ = issuer.create(store, "acme", "live")
    stores = bound_stores(StoreOpener().bind({"state": str(tmp_path), "keys": url}))
    assert stores.keys.find(key) is not None
    assert [file.name for file in tmp_path.iterdir()] == ["limits.table"]
    for opened in (stores.limiter, stores.keys.store, store):
        opened.close()
