"""The key of `neurova dev`: new at each start, in one private file; the previous one is revoked."""

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
    """Create a test key with `scopes`, write it to the state folder, revoke earlier ones.

    `keys` is the setting `gateway.keys`. Returns the key's file. Raises StateError when the folder
    cannot be written.
    """
    store = open_key_store(key_store_url(state, keys))
    try:
        previous = [
            record
            for record in store.records(CONSUMER)
            if record.name == NAME and record.revoked_at is None
        ]
        issued = issuer.create(store, CONSUMER, environment="test", scopes=scopes, name=NAME)
        write_private_file(state / FILE, issued.key + "\n")
        for record in previous:
            store.revoke(record.key_id, time.time())
    finally:
        store.close()
    return state / FILE
