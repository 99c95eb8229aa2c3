"""Fixtures: a project to write functions into, and functions called with Idempotency-Keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.runtime.doubles import BodyRecorder
from tests.runtime.keyed_function import KeyedFunction
from tests.runtime.project import Project
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import upgrade_platform
from neurova.database.postgres.url import PostgresUrl


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "functions")


@pytest.fixture
def recorder() -> BodyRecorder:
    return BodyRecorder()


@pytest.fixture
async def sqlite_keyed(project: Project, tmp_path: Path) -> AsyncIterator[KeyedFunction]:
    function = KeyedFunction(project, tmp_path / "x.db")
    await function.create_tables()
    yield function
    await function.close()


@pytest.fixture(scope="session")
def shared_url(postgres: PostgresServer) -> PostgresUrl:
    """Return a database that all tests share, one test at a time."""
    url = PostgresUrl(postgres.create())
    upgrade_platform(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | PostgresUrl:
    if request.param == "sqlite":
        return tmp_path / "x.db"
    url: PostgresUrl = request.getfixturevalue("shared_url")
    return url


@pytest.fixture
async def keyed(project: Project, place: Path | PostgresUrl) -> AsyncIterator[KeyedFunction]:
    """Yield a function, on each database, to call with Idempotency-Keys."""
    function = KeyedFunction(project, place)
    await function.create_tables()
    yield function
    await function.close()
