"""CRM's tables are what its migrations make, and its index is kept by the database itself."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions.crm.domain import metadata
from sqlalchemy import Engine, event
from tests.functions.crm.conftest import Desk

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
    # Told of its own words, not of those in `texts`: what the index itself holds is checked.
    connection.execute("INSERT INTO texts_index (texts_index) VALUES ('integrity-check')")
    sought = "SELECT rowid FROM texts_index WHERE texts_index MATCH ? ORDER BY rowid"
    return [row for (row,) in connection.execute(sought, (word,))]


def test_the_index_follows_every_statement_on_the_texts(texts: sqlite3.Connection) -> None:
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


def test_no_revision_is_missing(tmp_path: Path) -> None:
    """A new revision of what `domain.py` says, over all that is there, has nothing to do."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    made = revision(folder, "nothing", metadata).read_text()
    assert made.count("    pass\n") == 2
    assert "op." not in made


def test_every_statement_finds_its_rows_by_an_index(platform: TestPlatform) -> None:
    """But those that ask for all customers, or for all who are like an earlier one."""
    desk = Desk(platform)
    seen: dict[str, Any] = {}

    def note(_: Any, __: Any, sql: str, parameters: Any, *___: Any) -> None:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")):
            seen[sql] = parameters

    made, other = desk.customer(company="a", email="a@b.org", phone="+1234567890"), desk.customer()
    at = f"/customers/{made['id']}"
    event.listen(Engine, "before_cursor_execute", note)
    try:
        desk.note(made["id"], "likes tea")
        desk.interaction(made["id"])
        desk.found("ada tea 12345")
        for query in ("email=a@b.org", "phone=%2B1234567890", "company=a", "after=1"):
            desk.ask("GET", f"/customers?{query}")
        for page in ("notes?before=9", "interactions?after=1&at_from=2016-07-02T00:00:00Z"):
            desk.ask("GET", f"{at}/{page}")
        desk.ask("GET", f"{at}/duplicates")
        desk.ask("PATCH", at, {"version": 1, "name": "Countess"})
        desk.ask("POST", f"{at}/merge", {"duplicate": other["id"]})
        desk.ask("DELETE", at, status=204)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    connection = sqlite3.connect(platform.settings.state / "crm.db")
    plans = [
        (row[3], sql)
        for sql, parameters in seen.items()
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
    ]
    connection.close()
    assert len(seen) >= 20
    found_already = ("SCAN anon_", "SCAN texts_index VIRTUAL TABLE INDEX 0:M")
    scans = [plan for plan in plans if plan[0].startswith("SCAN")]
    assert [plan for plan in scans if not plan[0].startswith(found_already)] == []
