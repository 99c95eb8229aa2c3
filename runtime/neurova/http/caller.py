"""The caller of a function."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """The consumer that makes a call, and its key.

    `consumer` is "" for an anonymous caller of a public route; `environment` is "live" or "test".
    """

    consumer: str = ""
    key_id: str = ""
    scopes: frozenset[str] = frozenset()
    environment: str = "live"

    @property
    def anonymous(self) -> bool:
        """Whether the call was made without a key."""
        return not self.consumer

    def may(self, scope: str) -> bool:
        """Return whether the caller's key has `scope`."""
        return scope in self.scopes


ANONYMOUS = Caller()
