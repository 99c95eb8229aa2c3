"""Open a key store; the scheme of its URL selects the backend."""

from __future__ import annotations

from pathlib import Path

from neurova.database.postgres.url import SCHEMES as POSTGRES
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import ConfigError

from .base import KeyStore

SQLITE = "sqlite:///"


def key_store_url(state: Path, configured: str = "") -> str:
    """Return the URL of the configured store; by default, `keys.db` in the state folder."""
    return configured or f"{SQLITE}{state / 'keys.db'}"


def open_key_store(url: str) -> KeyStore:
    """Open the store at `sqlite:///path` or `postgresql://user@host/name`.

    Raises StateError if the store cannot be used, ConfigError for any other URL or if the driver
    is missing.
    """
    if url.startswith(SQLITE):
        from .sqlite import SqliteKeyStore

        return SqliteKeyStore(Path(url.removeprefix(SQLITE)))
    if url.partition("://")[0] not in POSTGRES:
        raise ConfigError(
            "unknown URL scheme of the key store",
            where="gateway.keys",
            fix="write postgresql://user@host/name, or leave it out for a file in the state folder",
        )
    try:
        from .postgres import PostgresKeyStore
    except ImportError:
        raise ConfigError(
            "the PostgreSQL driver is not installed",
            where="gateway.keys",
            fix="pip install asyncpg greenlet",
        ) from None
    return PostgresKeyStore(url)


def check_key_store(url: str) -> str:
    """Return a one-line status of a store for `neurova doctor`, without creating a file.

    Raises NeurovaError with the fix when the store cannot be used.
    """
    shown = url if url.startswith(SQLITE) else str(PostgresUrl(url))
    shown = shown.removeprefix(SQLITE)
    if url.startswith(SQLITE) and not Path(shown).exists():
        return f"{shown}: no key store yet, the first key creates it"
    store = open_key_store(url)
    try:
        return f"{shown}: {len(store.records())} keys"
    finally:
        store.close()
