"""Open and check the backends of the store of secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurova.errors import ConfigError
from neurova.settings.secrets import Secrets
from neurova.settings.settings import Settings

if TYPE_CHECKING:  # a backend imports its library, and is imported when it is used
    from neurova.secrets.base import SecretStore
    from neurova.secrets.file import FileSecretStore


def open_file(path: Path, settings: Secrets) -> FileSecretStore:
    """Return the store in an encrypted file."""
    from neurova.secrets.file import FileSecretStore

    key_file = Path(settings.key_file) if settings.key_file else path.with_name("secrets.key")
    return FileSecretStore(path, key_file, settings.key)


def check_file(path: Path, settings: Secrets) -> str:
    """Return one line about the encrypted file. Raises NeurovaError if it cannot be read."""
    if not path.exists():
        return f"{path}: no secrets yet"
    return _count(path, open_file(path, settings))


def rotate_key(settings: Settings) -> int:
    """Encrypt the file under a new key and return the number of secrets. Raises NeurovaError."""
    location = settings.secrets_location
    if not isinstance(location, Path):
        raise ConfigError(
            "only the file of secrets has a key that is rotated here",
            where="secrets.url",
            fix="rotate the key of Vault with `vault operator rotate`",
        )
    return open_file(location, settings.secrets).rotate()


def _count(place: object, store: SecretStore) -> str:
    try:
        return f"{place}: {len(store.names())} secrets"
    finally:
        store.close()
