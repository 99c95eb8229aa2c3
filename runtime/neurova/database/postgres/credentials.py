"""Credentials of a PostgreSQL user that change while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec


class Credential(msgspec.Struct, frozen=True, eq=False):
    """A user and a password. Two objects are two credentials, even with equal values."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"<Credential {self.user}>"


class CredentialSource(Protocol):
    """The source of one database's credentials; usable from any thread."""

    def valid(self) -> Credential | None:
        """Return the credential to use now, None when it must be fetched. Never blocks."""
        ...

    def fetch(self, refused: Credential | None = None) -> Credential:
        """Return the credential to use now; fetch one if there is none, or only `refused`.

        Blocks. Raises NeurovaError when it cannot be fetched.
        """
        ...

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call `changed` in any thread after `valid` has changed."""
        ...
