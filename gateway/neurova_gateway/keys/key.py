"""The API key format: `nrv_test_` or `nrv_live_`, 30 random and 6 checksum characters."""

from __future__ import annotations

import secrets
from binascii import crc32
from hashlib import sha256

from neurova.telemetry.redact import KEY_PREFIXES

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ENVIRONMENTS = tuple(KEY_PREFIXES.values())

_RANDOM = 30
_CHECK = 6
_PREFIX = len("nrv_live_")
_LENGTH = _PREFIX + _RANDOM + _CHECK
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]


def generate(environment: str) -> str:
    """Return a new key for "live" or "test": 178 random bits. Raises ValueError otherwise."""
    if environment not in ENVIRONMENTS:
        raise ValueError(f'environment {environment!r}: write "live" or "test"')
    body = f"nrv_{environment}_" + "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def read_environment(key: str) -> str | None:
    """Return "live" or "test" for a well-formed key; None for a malformed one.

    The checksum detects typing errors before any look-up; it does not prove who created the key.
    """
    if len(key) != _LENGTH or not key.isascii():
        return None
    if _checksum(key[:-_CHECK]) != key[-_CHECK:] or not key[_PREFIX:].isalnum():
        return None
    return KEY_PREFIXES.get(key[:_PREFIX])


def digest(key: str) -> bytes:
    """Return the SHA-256 of a key; stores keep only this."""
    return sha256(key.encode("utf-8", "surrogatepass")).digest()


def _checksum(body: str) -> str:
    rest, low = divmod(crc32(body.encode()), len(_PAIRS))
    high, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]
