"""`neurova db`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

from neurova.database.postgres.url import PostgresUrl

DOMAIN = '''"""Tables of a hotel."""

from sqlalchemy import Column, Integer, MetaData, String, Table

metadata = MetaData()
rooms = Table("rooms", metadata, Column("id", Integer, primary_key=True), Column("kind", String))
'''


def test_table_is_migrated_from_domain_to_database(cli: Callable[..., Any], project: Path) -> None:
    assert cli("db", "status").exit_code == 0  # nothing to migrate
    assert json.loads(cli("db", "upgrade", "--json").stdout) == {}
    cli("new", "service", "hotel")
    (project / "functions" / "hotel" / "domain.py").write_text(DOMAIN)
    made = json.loads(cli("db", "revision", "hotel", "-m", "Add rooms", "--json").stdout)
    assert "create_table" in Path(made["file"]).read_text()
    behind = cli("db", "status")
    assert behind.exit_code == 1
    assert (
        behind.stdout
        == "hotel\t-\t0001\tbehind by nv0001, nv0002, nv0003, 0001: run `neurova db upgrade`\n"
    )
    assert json.loads(cli("db", "upgrade", "--json").stdout) == {
        "hotel": ["nv0001", "nv0002", "nv0003", "0001"]
    }
    level = cli("db", "status", "hotel", "--json")
    assert level.exit_code == 0
    (state,) = json.loads(level.stdout)
    assert (state["current"], state["pending"]) == ("0001", [])
    assert cli("db", "upgrade", "hotel").stdout == "hotel: up to date\n"


def test_changed_table_without_a_migration_is_named_everywhere(
    cli: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    domain = project / "functions" / "hello" / "domain.py"
    declared = domain.read_text() + DOMAIN
    domain.write_text(declared)
    cli("db", "revision", "hello", "-m", "Add rooms")
    cli("db", "upgrade")
    assert cli("db", "status").exit_code == 0
    domain.write_text(declared.replace('Column("kind"', 'Column("beds", Integer), Column("kind"'))
    for words in (("db", "status"), ("doctor",), ("run",), ("dev",)):
        result = cli(*words)
        assert result.exit_code != 0, words
        assert "column rooms.beds is missing" in result.output
        assert "neurova db revision hello" in result.output
    cli("db", "revision", "hello", "-m", "Add beds")
    cli("db", "upgrade")
    assert cli("db", "status").exit_code == 0


def test_table_without_any_migration_is_named(cli: Callable[..., Any], project: Path) -> None:
    domain = project / "functions" / "hello" / "domain.py"
    domain.write_text(DOMAIN)
    shown = cli("db", "status")
    assert shown.exit_code == 1
    assert "table rooms is missing: run `neurova db revision hello`" in shown.output
    assert not (project / ".neurova" / "hello.db").exists()
    domain.write_text("import nothing_like_this\n")
    assert "domain.py:1" in cli("db", "status").output


def test_unusable_database_hides_no_others(cli: Callable[..., Any], project: Path) -> None:
    cli("new", "service", "hotel")
    cli("db", "revision", "hotel", "-m", "By hand", "--empty")
    made = json.loads(cli("db", "revision", "hello", "-m", "By hand", "--empty", "--json").stdout)
    assert made["file"].endswith("functions/hello/migrations/0001_by_hand.py")
    cli("db", "upgrade")
    with sqlite3.connect(project / ".neurova" / "hello.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0009'")
    database.close()
    shown = cli("db", "status")
    assert shown.exit_code == 5
    assert "hotel\t0001\t0001\tup to date\n" in shown.stdout
    assert "is newer than this code" in shown.stdout
    states = {each["service"]: each for each in json.loads(cli("db", "status", "--json").stdout)}
    assert states["hotel"]["current"] == "0001"
    assert "is newer than this code" in states["hello"]["fault"]


def test_unknown_service_lists_the_others(cli: Callable[..., Any], project: Path) -> None:
    for words in (("status", "helo"), ("upgrade", "helo"), ("revision", "helo", "-m", "x")):
        result = cli("db", *words)
        assert result.exit_code == 1
        assert "choose from hello" in result.stderr


def test_database_without_platform_tables_is_upgraded(
    cli: Callable[..., Any], project: Path
) -> None:
    state = project / ".neurova"
    state.mkdir(exist_ok=True)
    sqlite3.connect(state / "hello.db").close()
    (state / "hello.db").touch()
    shown = cli("db", "status")
    assert (shown.exit_code, shown.stdout) == (0, "hello\t-\t-\tno migrations\n")
    assert json.loads(cli("db", "upgrade", "--json").stdout) == {
        "hello": ["nv0001", "nv0002", "nv0003"]
    }


@pytest.mark.server
def test_postgresql_is_migrated_without_showing_its_password(
    cli: Callable[..., Any],
    project: Path,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = postgres.create()
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_SERVICES_HELLO_DATABASE", url)
    (project / "functions" / "hello" / "domain.py").write_text(DOMAIN)
    shown = str(PostgresUrl(url))
    config = cli("config").stdout
    made = json.loads(cli("db", "revision", "hello", "-m", "Add rooms", "--json").stdout)
    assert "create_table" in Path(made["file"]).read_text()
    refused = cli("run")
    assert refused.exit_code != 0
    assert f"{shown}: the database is behind by" in refused.stderr
    examined = cli("doctor", "--json")
    behind = json.loads(cli("db", "status", "--json").stdout)[0]
    assert behind["database"] == shown
    assert json.loads(cli("db", "upgrade", "--json").stdout) == {
        "hello": ["nv0001", "nv0002", "nv0003", "0001"]
    }
    assert cli("db", "status").stdout == "hello\t0001\t0001\tup to date\n"
    assert f"{shown}: PostgreSQL 1" in cli("doctor", "--json").stdout
    password = url.split(":")[2].partition("@")[0]
    for output in (config, refused.stderr, examined.stdout, str(behind)):
        assert password not in output
        assert shown in output


@pytest.mark.server
def test_unreachable_postgresql_is_reported(
    cli: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/hello"
    monkeypatch.setenv("NEUROVA_ADMIN_PORT", "0")
    monkeypatch.setenv("NEUROVA_GATEWAY_PORT", "0")
    monkeypatch.setenv("NEUROVA_SERVICES_HELLO_DATABASE", url)
    for words in (("db", "status"), ("db", "upgrade"), ("run",)):
        result = cli(*words)
        assert result.exit_code != 0
        assert "postgresql://me@127.0.0.1:1/hello: does not answer" in result.stderr
        assert "hunter2" not in result.stderr
    assert "does not answer" in cli("doctor", "--json").stdout
