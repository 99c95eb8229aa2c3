"""Credentials of a PostgreSQL user that change while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Credential(msgspec.Struct, frozen=True, eq=False):
    """A user and a password; credentials are compared by identity, not by value."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"<Credential {self.user}>"


class CredentialSource(Protocol):
    """The source of one database's credentials; usable from any thread."""

    def valid(self) -> Credential | None:
        """Return the current credential, None if it must be fetched. Never blocks."""
        ...

    def fetch(self, refused: Credential | None = None) -> Credential:
        """Return the current credential; fetch a new one if it is missing or is `refused`.

        Blocks. Raises NeurovaError if fetching fails.
        """
        ...

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call `changed`, in any thread, after the result of `valid` has changed."""
        ...
