"""Record spans of SQL statements, with a wrapper around the transaction of a sampled call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..traces.current import CURRENT, record_span
from ..traces.span import CLIENT

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result

    from .base import Parameters, Transaction


def with_spans(transaction: Transaction) -> Transaction:
    """Return a transaction that records spans, or `transaction` if the call is not sampled."""
    running = CURRENT.get()
    if running is None or running.buffer is None:
        return transaction
    return cast("Transaction", _TracedTransaction(transaction))


class _TracedTransaction:
    """Delegate to a transaction; record spans of its statements and its commit."""

    __slots__ = ("_has_run", "_system", "_transaction")

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._system = transaction.system
        self._has_run = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        self._has_run = True
        name, attributes = _describe(statement)
        with record_span(name, CLIENT, attributes) as span:
            span.attributes["db.system.name"] = self._system
            return await self._transaction.execute(statement, parameters)

    async def run_sql(self, sql: str, *rows: Any) -> list[Any]:
        self._has_run = True
        with record_span(_first_words(sql), CLIENT) as span:
            span.attributes |= {"db.system.name": self._system, "db.query.text": sql}
            return await self._transaction.run_sql(sql, *rows)

    async def run_at_commit(self, sql: str, *rows: Any) -> None:
        self._has_run = True
        await self._transaction.run_at_commit(sql, *rows)

    async def commit(self) -> None:
        if not self._has_run:
            await self._transaction.commit()
            return
        with record_span("COMMIT", CLIENT) as span:
            span.attributes |= {"db.system.name": self._system, "db.operation.name": "COMMIT"}
            await self._transaction.commit()


def _describe(statement: Executable) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of a statement's span, without its values."""
    # The exporter compiles the statement to text: compiling takes longer than many statements.
    attributes: dict[str, Any] = {"db.query.text": statement}
    operation = getattr(statement, "__visit_name__", "").upper()
    table = getattr(statement, "table", None)
    if table is None and operation == "SELECT":
        found = statement.get_final_froms()  # type: ignore[attr-defined]  # it is a Select
        table = found[0] if len(found) == 1 else None
    collection = getattr(table, "name", "")
    if operation not in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        return _first_words(str(statement)), attributes
    attributes["db.operation.name"] = operation
    if collection:
        attributes["db.collection.name"] = collection
    return f"{operation} {collection}".rstrip(), attributes


def _first_words(sql: str) -> str:
    """Return the operation of a statement; for an INSERT, also its table."""
    words = sql.split(None, 3)
    return " ".join((words[0], words[2])) if words[0].upper() == "INSERT" else words[0]
