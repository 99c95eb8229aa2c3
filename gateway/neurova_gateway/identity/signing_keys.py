"""The keys that sign identities, and their rotation without refused calls."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol

import msgspec

from neurova.errors import StateError

KEY_BYTES = 32
SIGNS_AFTER = 30.0  # seconds; after that, all processes have read the new key
ACCEPTED_AFTER = 120.0  # seconds: the lifetime of an identity plus clock skew


class IdentityKeys(msgspec.Struct, frozen=True, omit_defaults=True):
    """The signing key and, during a rotation, the `previous` key, which signs until `since`.

    Both keys are accepted until `ACCEPTED_AFTER` seconds after `since` (Unix seconds), because
    processes read the new key at different times.
    """

    key: bytes
    previous: bytes = b""
    since: float = 0.0

    def signing(self, now: float) -> bytes:
        """Return the key that signs at `now` (Unix seconds)."""
        return self.previous if self.previous and now < self.since else self.key

    def accepted(self, now: float) -> tuple[bytes, ...]:
        """Return the keys whose signatures are accepted at `now`."""
        if self.previous and now < self.since + ACCEPTED_AFTER:
            return (self.key, self.previous)
        return (self.key,)

    def is_changing(self, now: float) -> bool:
        """Return whether a rotation is still in progress at `now`."""
        return len(self.accepted(now)) > 1

    def changed(self, now: float) -> IdentityKeys:
        """Return the keys after a rotation at `now`. Raises StateError during another rotation."""
        if self.is_changing(now):
            raise StateError(
                "the identity key was changed a moment ago, and the previous one is still in use",
                fix=f"wait {self.since + ACCEPTED_AFTER - now:.0f} s",
            )
        return IdentityKeys(new_key(), self.key, now + SIGNS_AFTER)

    def __repr__(self) -> str:
        return "<IdentityKeys>"


class Value(Protocol):
    """A secret."""

    @property
    def value(self) -> str:
        """Return the text of the secret."""
        ...


def new_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(KEY_BYTES)


def encode_keys(keys: IdentityKeys) -> str:
    """Encode keys as the text of a secret."""
    return msgspec.json.encode(keys).decode()


def decode_keys(text: str, where: str) -> IdentityKeys:
    """Decode keys from the text of a secret. Raises StateError."""
    try:
        keys = msgspec.json.decode(text, type=IdentityKeys)
    except (ValueError, msgspec.MsgspecError):
        keys = IdentityKeys(b"")
    if len(keys.key) < KEY_BYTES or 0 < len(keys.previous) < KEY_BYTES:
        raise StateError(
            "the secret does not hold identity keys",
            where=where,
            fix="let `neurova secrets rotate-identity` write it, under another name",
        )
    return keys


def read_from_secret(find: Callable[[], Value], where: str) -> Callable[[], IdentityKeys]:
    """Return a function that returns the keys in a secret and decodes each value only once.

    `find` returns the current secret without I/O.
    """
    last: tuple[Value, IdentityKeys] | None = None

    def read() -> IdentityKeys:
        nonlocal last
        found = find()
        if last is None or last[0] is not found:
            last = (found, decode_keys(found.value, where))
        return last[1]

    return read
