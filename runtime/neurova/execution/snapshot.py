"""Read one state of the database for as long as a function streams."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import TYPE_CHECKING, Any

from ..database.base import Conflict, Parameters, Transaction
from ..database.traced import with_spans
from .transaction import finish

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result


class Snapshot:
    """Read the database as it is at the first statement, until the function or its stream ends.

    Unlike a `Tx` it may be used while a reply is streamed, and in any method it is read-only. It
    holds a connection from its first statement on. `execute` is that of `Tx`.
    """

    __slots__ = ("_timeout", "_transaction")

    def __init__(self, transaction: Transaction, timeout: float) -> None:
        self._transaction = with_spans(transaction)
        self._timeout = timeout

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one SELECT within the timeout of the function. Raises what `Tx.execute` raises."""
        self._transaction.extend(get_running_loop().time() + self._timeout)
        try:
            return await self._transaction.execute(statement, parameters)
        except Conflict as conflict:  # a stream cannot run again
            raise conflict.__cause__ or conflict from None

    async def close(self) -> None:
        """Release the connection."""
        await finish(self._transaction.rollback())
