"""Failures of the PostgreSQL server and of connections to it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from tests.runtime.database.things import (
    FILL,
    MAKE,
    begin,
    names,
    open_over_wire,
    open_postgres,
    renamed,
    total,
)
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import status, upgrade
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

pytestmark = pytest.mark.server


@pytest.mark.parametrize("stage", ["connect", "begin", "statement", "commit"])
async def test_silent_server_is_unavailable_at_the_deadline(url: str, stage: str) -> None:
    async with open_over_wire(url, 2) as (database, wire):
        loop = asyncio.get_running_loop()
        if stage != "connect":
            await names(database)
        tx = begin(database, seconds=0.4)
        ends = loop.time() + 0.4
        if stage in ("statement", "commit"):
            await tx.execute(renamed(1, "x"))
        wire.hold()
        with pytest.raises(Unavailable, match="until the deadline"):
            await (tx.commit() if stage == "commit" else tx.execute(total))
        await tx.rollback()
        assert loop.time() < ends + 1.0  # at the deadline; a busy machine may add some time
        wire.release()
        assert (await names(database))[1] == "b"


async def test_lost_reply_to_commit_is_reported_as_unknown(url: str) -> None:
    async with open_over_wire(url) as (database, wire):
        tx = begin(database)
        await tx.execute(renamed(2, "b"))
        await tx.commit()
        wire.lost.add(wire.queries[-1])
        tx = begin(database)
        await tx.execute(renamed(1, "lost"))
        with pytest.raises(Unavailable, match="unknown whether the changes were committed"):
            await tx.commit()
        await tx.rollback()
        assert tx.conflict is None  # no retry: the commit may have succeeded
        wire.lost.clear()
        assert await names(database) == ["lost", "b"]


async def test_lost_connection_undoes_the_transaction(url: str) -> None:
    async with open_over_wire(url) as (database, wire):
        tx = begin(database)
        await tx.execute(renamed(1, "half"))
        wire.cut()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await tx.execute(total)
        with pytest.raises(Unavailable):
            await tx.commit()
        await tx.rollback()
        assert await names(database) == ["a", "b"]


async def test_closed_idle_connections_are_replaced(url: str, postgres: PostgresServer) -> None:
    async with open_postgres(url) as database:
        for _ in range(5):
            assert await names(database) == ["a", "b"]
            name = PostgresUrl(url).database
            postgres.run(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )


async def test_abandoned_statement_is_cancelled_on_the_server(
    url: str, postgres: PostgresServer
) -> None:
    async with open_postgres(url) as database:
        tx = begin(database, seconds=0.3)
        with pytest.raises(Unavailable):
            await tx.execute(text("SELECT pg_sleep(600)"))
        await tx.rollback()
        await database.close()
        running = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
            "AND query = 'SELECT pg_sleep(600)'"
        )
        while postgres.run(running) != [(0,)]:
            await asyncio.sleep(0.01)


async def test_stopped_server_fails_fast_and_recovers(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.create()
    for statement in (MAKE, FILL):
        own_postgres.run(statement, url)
    async with open_postgres(url) as database:
        assert await names(database) == ["a", "b"]
        await asyncio.to_thread(own_postgres.stop)
        began = time.monotonic()
        for _ in range(200):
            with pytest.raises(Unavailable):
                await names(database)
        assert time.monotonic() - began < 15  # no call waited for its deadline, 20 s
        await asyncio.to_thread(own_postgres.start)
        while True:
            try:
                assert await names(database) == ["a", "b"]
                break
            except Unavailable:
                await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("wrong", "kind", "message"),
    [
        ("password", StateError, "rejects this user's password"),
        ("name", StateError, "does not exist.*create it"),
        ("port", Unavailable, "does not answer"),
    ],
)
async def test_connection_errors_hide_the_password(
    url: str, tmp_path: Path, wrong: str, kind: type[Exception], message: str
) -> None:
    """Test calls and migrations."""
    parts = urlsplit(url)
    changed = {
        "name": parts._replace(path="/nowhere").geturl(),
        "password": url.replace(str(parts.password), "hunter2"),
        "port": url.replace(f":{parts.port}/", ":1/"),
    }[wrong]
    async with open_postgres(changed) as database:
        errors = []
        with pytest.raises(kind, match=message) as caught:
            await names(database)
        errors.append(str(caught.value))
    for step in (status, upgrade):
        with pytest.raises(kind, match=message) as caught:
            await asyncio.to_thread(step, PostgresUrl(changed), tmp_path)
        errors.append(str(caught.value))
    assert not any(secret in text for text in errors for secret in (parts.password, "hunter2"))
