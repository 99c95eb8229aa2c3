"""The table of stored responses and its rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Executable, create_engine, select
from sqlalchemy.pool import StaticPool

from neurova.database import event_tables
from neurova.database.base import StoredResponse
from neurova.database.migrations import upgrade_platform
from neurova.database.stored_responses import (
    ANY_EXPIRED,
    DELETE_EXPIRED,
    FIND,
    RETENTION,
    from_row,
    metadata,
    responses,
    to_row,
)

ENGINE = create_engine("sqlite://", poolclass=StaticPool)
metadata.create_all(ENGINE)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1).map(str.encode)
FIELDS = st.lists(st.tuples(NAMES, st.binary())).map(tuple)
RESPONSES = st.builds(
    StoredResponse, st.binary(), st.integers(200, 499), st.binary(), FIELDS, st.binary()
)


def test_migrations_create_the_declared_table(tmp_path: Path) -> None:
    upgrade_platform(tmp_path / "x.db")
    with create_engine(f"sqlite:///{tmp_path / 'x.db'}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "nv_version"})
        found = compare_metadata(context, [metadata, event_tables.metadata])
        # nv_schedule is used through SQL and has no Table.
        assert [str(each[1].name) for each in found] == ["nv_schedule"]


@given(RESPONSES)
def test_row_round_trip_until_expiry(response: StoredResponse) -> None:
    with ENGINE.begin() as connection:
        connection.execute(responses.delete())
        connection.execute(responses.insert(), to_row(b"k", response, 100.9))
        row = connection.execute(FIND, {"k": b"k", "now": 100 + RETENTION - 1}).first()
        assert row is not None
        assert from_row(row) == response
        assert connection.execute(FIND, {"k": b"k", "now": 100 + RETENTION}).first() is None
        assert connection.execute(select(responses.c.expires)).scalar_one() == 100 + RETENTION


@pytest.mark.parametrize("statement", [ANY_EXPIRED, DELETE_EXPIRED])
def test_expired_rows_are_found_by_the_index(tmp_path: Path, statement: Executable) -> None:
    upgrade_platform(tmp_path / "x.db")
    connection = sqlite3.connect(tmp_path / "x.db")
    sql = str(statement.compile(dialect=ENGINE.dialect))  # type: ignore[attr-defined]
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")).fetchall()
    connection.close()
    assert "nv_idempotency_expires" in str(plan)
    assert "SCAN nv_idempotency" not in str(plan)
