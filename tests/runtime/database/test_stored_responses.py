"""The table of answers is the one that the platform's migrations make, and rows lose nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.pool import StaticPool

from neurova.database.base import KEPT, StoredResponse
from neurova.database.migrations.service import upgrade_platform
from neurova.database.stored_responses import (
    FIND,
    OVER,
    SWEEP,
    answers,
    metadata,
    row_of,
    stored_of,
)

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1).map(str.encode)
FIELDS = st.lists(st.tuples(TOKEN, st.binary())).map(tuple)
STORED = st.builds(
    StoredResponse, st.binary(), st.integers(200, 499), st.binary(), FIELDS, st.binary()
)


def test_the_migrations_make_the_table_that_statements_name(tmp_path: Path) -> None:
    upgrade_platform(tmp_path / "x.db")
    with create_engine(f"sqlite:///{tmp_path / 'x.db'}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "nv_version"})
        assert compare_metadata(context, metadata) == []


ENGINE = create_engine("sqlite://", poolclass=StaticPool)
metadata.create_all(ENGINE)


@given(STORED)
def test_an_answer_comes_out_of_its_row_as_it_went_in(stored: StoredResponse) -> None:
    with ENGINE.begin() as connection:
        connection.execute(answers.delete())
        connection.execute(answers.insert(), row_of(b"k", stored, 100.9))
        found = connection.execute(FIND, {"k": b"k", "now": 100 + KEPT - 1}).first()
        assert found is not None
        assert stored_of(found) == stored
        assert connection.execute(FIND, {"k": b"k", "now": 100 + KEPT}).first() is None
        assert connection.execute(select(answers.c.expires)).scalar_one() == 100 + KEPT


def test_old_answers_are_found_by_an_index(tmp_path: Path) -> None:
    upgrade_platform(tmp_path / "x.db")
    connection = sqlite3.connect(tmp_path / "x.db")
    for statement in (OVER, SWEEP):
        sql = str(
            statement.compile(compile_kwargs={"literal_binds": False}, dialect=ENGINE.dialect)
        )
        parameters = [1] * sql.count("?")
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        assert "nv_idempotency_expires" in str(plan)
        assert "SCAN nv_idempotency" not in str(plan)
    connection.close()
