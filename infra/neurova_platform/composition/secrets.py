"""Open and check the backends of the secret store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurova.errors import ConfigError
from neurova.settings.secrets import Secrets
from neurova.settings.settings import Settings

if TYPE_CHECKING:  # a backend imports its library: import it only when it is used
    from neurova.secrets.file import FileSecretStore
    from neurova.secrets.vault import VaultSecretStore


def open_file(path: Path, settings: Secrets) -> FileSecretStore:
    """Return the secret store in an encrypted file."""
    from neurova.secrets.file import FileSecretStore

    key_file = Path(settings.key_file) if settings.key_file else path.with_name("secrets.key")
    return FileSecretStore(path, key_file, settings.key)


def check_file(path: Path, settings: Secrets) -> str:
    """Return one line about the encrypted file. Raises NeurovaError if it cannot be read."""
    if not path.exists():
        return f"{path}: no secrets yet"
    store = open_file(path, settings)
    try:
        return f"{path}: {len(store.names())} secrets"
    finally:
        store.close()


def open_vault(url: str, settings: Secrets) -> VaultSecretStore:
    """Return the secret store in Vault. Raises ConfigError if Vault's client is not installed."""
    try:
        from neurova.secrets.vault import VaultSecretStore
    except ImportError:
        raise ConfigError(
            "Vault needs the package hvac", where="secrets.url", fix="run `pip install hvac`"
        ) from None
    return VaultSecretStore(settings)


def check_vault(url: str, settings: Secrets) -> str:
    """Return one line about Vault and the token. Raises NeurovaError if it cannot be used."""
    store = open_vault(url, settings)
    try:
        return store.describe()
    finally:
        store.close()


def rotate_key(settings: Settings) -> int:
    """Encrypt the secrets file with a new key; return how many secrets. Raises NeurovaError."""
    location = settings.secrets_location
    if not isinstance(location, Path):
        raise ConfigError(
            "only the file of secrets has a key that is rotated here",
            where="secrets.url",
            fix="rotate the key of Vault with `vault operator rotate`",
        )
    return open_file(location, settings.secrets).rotate()
