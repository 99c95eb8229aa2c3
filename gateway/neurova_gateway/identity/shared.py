"""Read the identity signing keys from Vault, for a plugin server on a separate machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import msgspec

from neurova.errors import ConfigError
from neurova.settings.secrets import Secrets

from .signing_keys import IdentityKeys, read_from_secret

PREFIX = "NEUROVA_SECRETS_"


def read_settings(environ: Mapping[str, str]) -> Secrets:
    """Read the `[secrets]` settings from environment variables. Raises ConfigError."""
    names = {field.name: PREFIX + field.name.upper() for field in msgspec.structs.fields(Secrets)}
    values = {name: environ[each] for name, each in names.items() if each in environ}
    try:
        settings = msgspec.convert(values, Secrets, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"wrong value: {error}", where=f"{PREFIX}…", fix="correct it") from None
    if not settings.url:
        raise ConfigError(
            "identity_secret needs the address of Vault",
            where=f"{PREFIX}URL",
            fix="set it in the environment of the plugin server, with the variables of the login",
        )
    return settings


def open_identity_keys(name: str) -> Callable[[], IdentityKeys]:
    """Return a function that returns the signing keys stored in the Vault secret `name`.

    A thread reads the secret again regularly. Raises NeurovaError if the first read fails.
    """
    from neurova.secrets.cache import SecretCache
    from neurova.secrets.vault import VaultSecretStore

    settings = read_settings(os.environ)
    cache = SecretCache(lambda: VaultSecretStore(settings), settings.expiry)
    find = cache.source(name, "neurova-auth")
    cache.load([name])
    return read_from_secret(find, name)
