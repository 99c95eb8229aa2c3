"""The key of `neurova dev`: fresh at each start, in one private file, the last one revoked."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from neurova.files.private import write_private_file
from neurova_gateway.keys import issuer
from neurova_gateway.keys.factory import key_store_url, open_key_store

CONSUMER = "dev"
NAME = "neurova dev"
FILE = "dev.key"


def renew(state: Path, scopes: Iterable[str], keys: str = "") -> Path:
    """Make a test key with `scopes`, put it into the state folder, revoke those before it.

    `keys`: the URL of the key store, "" for the state folder's. Returns the key's file. Raises
    StateError when the folder cannot be written.
    """
    store = open_key_store(key_store_url(state, keys))
    try:
        before = [
            record
            for record in store.records(CONSUMER)
            if record.name == NAME and record.revoked_at is None
        ]
        issued = issuer.create(store, CONSUMER, environment="test", scopes=scopes, name=NAME)
        write_private_file(state / FILE, issued.key + "\n")
        for record in before:
            store.revoke(record.key_id, time.time())
    finally:
        store.close()
    return state / FILE
