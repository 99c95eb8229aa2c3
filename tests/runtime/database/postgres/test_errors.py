"""Translation of PostgreSQL's errors, and which of them are conflicts."""

from __future__ import annotations

import pytest
from asyncpg import exceptions

from neurova.database.base import TransactionError
from neurova.database.postgres.errors import describe_conflict, translate
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

URL = PostgresUrl("postgresql://me:hunter2@h/d")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (exceptions.ReadOnlySQLTransactionError("x"), TransactionError, "answers GET"),
        (exceptions.QueryCanceledError("x"), Unavailable, "did not finish"),
        (exceptions.DiskFullError("x"), StateError, "free disk space"),
        (exceptions.TooManyConnectionsError("x"), Unavailable, "raise max_connections"),
        (exceptions.InvalidCatalogNameError("x"), StateError, "create it"),
        (exceptions.InvalidPasswordError("x"), StateError, "correct PGPASSWORD"),
        (exceptions.InvalidAuthorizationSpecificationError("x"), StateError, "pg_hba.conf"),
        (exceptions.InsufficientPrivilegeError("x"), StateError, "GRANT"),
        (exceptions.AdminShutdownError("x"), Unavailable, "is starting or stopping"),
        (exceptions.CannotConnectNowError("x"), Unavailable, "is starting or stopping"),
        (exceptions.ConnectionDoesNotExistError("x"), Unavailable, "closed the connection"),
        (exceptions.DataCorruptedError("x"), StateError, "is damaged"),
        (exceptions.InterfaceError("connection is closed"), Unavailable, "does not answer"),
        (exceptions.InternalClientError("x"), Unavailable, "does not answer"),
        (ConnectionRefusedError("x"), Unavailable, "does not answer"),
        (TimeoutError(), Unavailable, "does not answer"),
    ],
)
def test_server_errors_name_the_url_and_the_fix(
    error: Exception, kind: type[Exception], message: str
) -> None:
    translated = translate(error, URL)
    assert type(translated) is kind
    assert message in str(translated)
    assert kind is TransactionError or "postgresql://me@h/d" in str(translated)
    assert "hunter2" not in str(translated)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.UniqueViolationError("x"),
        exceptions.UndefinedTableError("x"),
        exceptions.DivisionByZeroError("x"),
        exceptions.InterfaceError("invalid input for query argument $1"),
        ValueError("x"),
    ],
)
def test_faulty_statement_is_not_translated(error: Exception) -> None:
    assert translate(error, URL) is None
    assert describe_conflict(error) == ""
