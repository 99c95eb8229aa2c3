"""The test key of `neurova dev`: each start creates a key and revokes the previous one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from neurova.files.private import write_private_file
from neurova.settings.settings import Settings
from neurova_gateway.keys import issuer

from ..composition.backends import open_key_store

CONSUMER = "dev"
NAME = "neurova dev"
FILE = "dev.key"


def renew(settings: Settings, scopes: Iterable[str]) -> Path:
    """Create a test key with `scopes`, write it to a file in the state folder, revoke earlier keys.

    Returns the file. Raises StateError if it cannot be written.
    """
    store = open_key_store(settings)
    try:
        previous = [
            record
            for record in store.records(CONSUMER)
            if record.name == NAME and record.revoked_at is None
        ]
        issued = issuer.create(store, CONSUMER, environment="test", scopes=scopes, name=NAME)
        write_private_file(settings.state / FILE, issued.key + "\n")
        for record in previous:
            store.revoke(record.key_id, time.time())
    finally:
        store.close()
    return settings.state / FILE
