"""URLs of PostgreSQL databases."""

from __future__ import annotations

import sys

import pytest

from neurova.database.postgres.url import PostgresUrl, find_url_error, is_postgres


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://me:hunter2@h:5/d", "postgresql://me@h:5/d"),
        ("postgres://me:hun%40ter2@h/d?sslmode=require", "postgres://me@h/d?sslmode=require"),
        ("postgresql://h/d?user=me&password=hunter2", "postgresql://h/d?user=me"),
        ("postgresql://me@[::1]:5/d", "postgresql://me@[::1]:5/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql:///d?host=%2Frun%2Fpostgresql"),
    ],
)
def test_url_is_shown_without_its_password(dsn: str, shown: str) -> None:
    url = PostgresUrl(dsn)
    assert str(url) == shown
    assert repr(url) == f"<PostgresUrl {shown}>"
    assert url.dsn == dsn
    assert is_postgres(dsn)
    assert url.database == "d"


@pytest.mark.parametrize(
    ("dsn", "message"),
    [
        ("postgresql://me@h:5/d", ""),
        ("postgresql://h", "does not name a database"),
        ("postgresql://h/", "does not name a database"),
        ("postgresql://me:hunter2/x@h/d", "is not a URL of PostgreSQL: write postgresql://"),
        ("postgresql://me:12/hunter2@h/d", "is not a URL of PostgreSQL"),
        ("postgresql://me:hunter2#@h/d", "is not a URL of PostgreSQL"),
        ("postgresql://[h/d", "is not a URL of PostgreSQL"),
    ],
)
def test_url_errors_hide_the_url(dsn: str, message: str) -> None:
    assert not is_postgres(dsn.removeprefix("postgresql"))
    error = find_url_error(dsn)
    assert error.startswith(message)
    assert bool(error) is bool(message)
    assert "hunter2" not in error


@pytest.mark.parametrize("missing", ["asyncpg", "greenlet"])
def test_missing_driver_is_reported_with_the_fix(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert find_url_error("postgresql://h/d").endswith("run `pip install asyncpg greenlet`")
