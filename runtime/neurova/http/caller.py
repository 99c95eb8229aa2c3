"""Who makes a call."""

from __future__ import annotations

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """Name a consumer and the key it used, or nobody on a public route.

    `consumer` is "" for an anonymous caller; `environment` is "live" or "test".
    """

    consumer: str = ""
    key_id: str = ""
    scopes: frozenset[str] = frozenset()
    environment: str = "live"

    @property
    def anonymous(self) -> bool:
        """Tell whether the call was made without a key."""
        return not self.consumer

    def may(self, scope: str) -> bool:
        """Tell whether the caller's key has `scope`."""
        return scope in self.scopes


ANONYMOUS = Caller()
