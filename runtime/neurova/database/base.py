"""The port of a service's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import NeurovaError

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class TransactionError(NeurovaError):
    """A function's own mistake with its `Tx`: a write in a GET, or a statement after the end."""


class Tx(Protocol):
    """A transaction that opens at its first statement and ends with the function that asked for it.

    The reply is encoded, then the transaction commits, then the reply is sent; a function that
    raises rolls back. Read-only in GET and HEAD. `execute` takes SQLAlchemy Core statements and
    gives SQLAlchemy results whose rows are already here: `.one()`, `.first()`, `.scalars().all()`…
    """

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement. Raises Unavailable when the database does not answer in time."""
        ...


class Transaction(Tx, Protocol):
    """What the invoker sees of a `Tx`: it alone ends it."""

    async def commit(self) -> None:
        """Make the changes last, on disk; nothing to do when no statement was run."""
        ...

    async def rollback(self) -> None:
        """Undo all changes and give back what the transaction holds; harmless when ended."""
        ...


class Database(Protocol):
    """One service's database."""

    def transaction(self, *, readonly: bool, deadline: float) -> Transaction:
        """Return a transaction, not yet open; `deadline` in event-loop seconds bounds all waits."""
        ...

    async def close(self) -> None:
        """Finish what runs and close all connections."""
        ...
