"""Read one state of the database until a function's stream ends."""

from __future__ import annotations

from asyncio import get_running_loop
from typing import TYPE_CHECKING, Any

from ..database.base import Conflict, Parameters, Transaction
from ..database.traced import with_spans
from .transaction import finish

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result


class Snapshot:
    """Read the state of the database at the first statement, until the function or stream ends.

    Unlike a `Tx`, a Snapshot can be used while a reply is streamed, and is read-only for each HTTP
    method. It holds a connection from its first statement on.
    """

    __slots__ = ("_timeout", "_transaction")

    def __init__(self, transaction: Transaction, timeout: float) -> None:
        self._transaction = with_spans(transaction)
        self._timeout = timeout

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one SELECT within the function's timeout. Raises the errors of `Tx.execute`."""
        self._transaction.extend(get_running_loop().time() + self._timeout)
        try:
            return await self._transaction.execute(statement, parameters)
        except Conflict as conflict:  # raise the cause: a stream cannot be retried
            raise conflict.__cause__ or conflict from None

    async def close(self) -> None:
        """Release the connection."""
        await finish(self._transaction.rollback())
