"""Fixtures of the database contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.contracts.databases import BACKENDS, PARAMETERS, Open, Pair

from neurova.database.base import Database
from neurova.database.migrations import upgrade_platform


@pytest.fixture(params=PARAMETERS)
def open_database(request: pytest.FixtureRequest) -> Open:
    """Return a function that opens another `Database` on the same, initially empty, store."""
    return BACKENDS[request.param](request)


@pytest.fixture
async def database(open_database: Open) -> AsyncIterator[Database]:
    """Return a database, closed after the test."""
    database = open_database()
    yield database
    await database.close()


@pytest.fixture
async def databases(open_database: Open) -> AsyncIterator[Pair]:
    """Return two databases on one store, like two processes, with the platform's tables."""
    first, second = open_database(), open_database()
    location: Any = getattr(first, "url", None) or first.path  # type: ignore[attr-defined]
    await asyncio.to_thread(upgrade_platform, location)
    yield first, second
    await first.close()
    await second.close()
