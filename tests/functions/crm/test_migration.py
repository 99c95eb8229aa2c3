"""The migrations create the domain's tables and a search index that the database updates."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions.crm.domain import metadata
from sqlalchemy import Engine, event
from tests.functions.crm.conftest import CrmClient

from neurova.database.migrations import revision, upgrade
from neurova_platform.testing.platform import TestPlatform

MIGRATIONS = Path(__file__).parents[3] / "functions" / "crm" / "migrations"


@pytest.fixture
def texts(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    upgrade(tmp_path / "crm.db", MIGRATIONS)
    connection = sqlite3.connect(tmp_path / "crm.db")
    connection.execute("INSERT INTO texts VALUES (1, 'x', 'name', 'ada lovelace')")
    yield connection
    connection.close()


def rows(connection: sqlite3.Connection, word: str) -> list[int]:
    # The integrity check compares the index with `texts`.
    connection.execute("INSERT INTO texts_index (texts_index) VALUES ('integrity-check')")
    query = "SELECT rowid FROM texts_index WHERE texts_index MATCH ? ORDER BY rowid"
    return [row for (row,) in connection.execute(query, (word,))]


def test_index_follows_every_statement_on_texts(texts: sqlite3.Connection) -> None:
    texts.execute("INSERT INTO texts VALUES (2, 'x', 'note', 'ada tea')")
    assert rows(texts, "ada") == [1, 2]
    texts.execute("UPDATE texts SET words = 'grace' WHERE seq = 1")
    assert (rows(texts, "ada"), rows(texts, "grace")) == ([2], [1])
    texts.execute("UPDATE texts SET customer = 'y'")
    assert (rows(texts, "ada"), rows(texts, "grace")) == ([2], [1])
    texts.execute("DELETE FROM texts WHERE seq = 2")
    assert rows(texts, "ada") == rows(texts, "tea") == []
    texts.rollback()
    assert rows(texts, "ada") == []


def test_migrations_make_the_tables_of_the_domain(tmp_path: Path) -> None:
    """A revision generated from `domain.py` on top of the existing ones is empty."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    created = revision(folder, "nothing", metadata).read_text()
    assert created.count("    pass\n") == 2
    assert "op." not in created


def test_every_statement_uses_an_index(platform: TestPlatform) -> None:
    """Except the lists of all customers and of all duplicates."""
    crm = CrmClient(platform)
    statements: dict[str, Any] = {}

    def record(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            statements[sql] = parameters

    created, other = crm.customer(company="a", email="a@b.org", phone="+1234567890"), crm.customer()
    at = f"/customers/{created['id']}"
    event.listen(Engine, "before_cursor_execute", record)
    try:
        crm.note(created["id"], "likes tea")
        crm.interaction(created["id"])
        crm.search("ada tea 12345")
        for query in ("email=a@b.org", "phone=%2B1234567890", "company=a", "after=1"):
            crm.call("GET", f"/customers?{query}")
        for page in ("notes?before=9", "interactions?after=1&at_from=2016-07-02T00:00:00Z"):
            crm.call("GET", f"{at}/{page}")
        crm.call("GET", f"{at}/duplicates")
        crm.call("PATCH", at, {"version": 1, "name": "Countess"})
        crm.call("POST", f"{at}/merge", {"duplicate": other["id"]})
        crm.call("DELETE", at, status=204)
    finally:
        event.remove(Engine, "before_cursor_execute", record)
    connection = sqlite3.connect(platform.settings.state / "crm.db")
    plans = [
        (row[3], sql)
        for sql, parameters in statements.items()
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
    ]
    connection.close()
    assert len(statements) >= 20
    allowed = ("SCAN anon_", "SCAN texts_index VIRTUAL TABLE INDEX 0:M")
    scans = [plan for plan in plans if plan[0].startswith("SCAN")]
    assert [plan for plan in scans if not plan[0].startswith(allowed)] == []
