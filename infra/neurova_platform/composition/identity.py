"""Rotate the key that signs caller identities in the secret store."""

from __future__ import annotations

from neurova.errors import ConfigError
from neurova.secrets.base import parse_reference
from neurova.settings.settings import Settings
from neurova_gateway.identity.signing_keys import (
    IdentityKeys,
    decode_keys,
    encode_keys,
    new_key,
)

from .backends import open_secret_store


def rotate_identity(settings: Settings, now: float) -> IdentityKeys:
    """Store a new signing key, or the first one, and return the valid keys.

    Raises ConfigError if `gateway.identity` is not set, StateError if the previous rotation has not
    ended.
    """
    if not settings.gateway.identity:
        raise ConfigError(
            "the identity key is a file of one machine, not a secret",
            where="gateway.identity",
            fix='set it, for instance to "neurova/identity#keys"',
        )
    reference = parse_reference(settings.gateway.identity)
    store = open_secret_store(settings)
    try:
        version = store.read(reference.name)
        text = version.fields.get(reference.field)
        if text is None:
            keys = IdentityKeys(new_key())
        else:
            keys = decode_keys(text, str(reference)).changed(now)
        # Pass the version that was read, so that one of two concurrent rotations fails.
        store.write(reference.name, {reference.field: encode_keys(keys)}, version.number)
    finally:
        store.close()
    return keys
