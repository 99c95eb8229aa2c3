"""A server that fails is refused in time, and nothing is said to last that may not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import text
from tests.runtime.database.things import (
    FILL,
    MAKE,
    begin,
    names,
    on_a_wire,
    renamed,
    run,
    total,
)
from tests.servers.postgres import PostgresServer
from tests.servers.wire import Wire

from neurova.database.postgres.connection import _UNLOCK_AND_RESET
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError, Unavailable

pytestmark = pytest.mark.server


@pytest.mark.parametrize("stage", ["connect", "begin", "statement", "commit"])
def test_a_server_that_went_silent_is_waited_for_until_the_deadline(url: str, stage: str) -> None:
    async def test(database: PostgresDatabase, wire: Wire) -> None:
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
        assert loop.time() < ends
        wire.release()
        assert (await names(database))[1] == "b"

    on_a_wire(url, test, 2)


def test_a_lost_answer_to_commit_is_said_to_be_unknown(url: str) -> None:
    async def test(database: PostgresDatabase, wire: Wire) -> None:
        tx = begin(database)
        await tx.execute(renamed(1, "lost"))
        wire.lost.add("COMMIT" + _UNLOCK_AND_RESET)
        with pytest.raises(Unavailable, match="unknown whether the changes were committed"):
            await tx.commit()
        await tx.rollback()
        assert tx.conflict is None  # it must not run again: it may have happened
        wire.lost.clear()
        assert await names(database) == ["lost", "b"]

    on_a_wire(url, test)


def test_a_connection_lost_in_between_is_unavailable_and_nothing_lasts(url: str) -> None:
    async def test(database: PostgresDatabase, wire: Wire) -> None:
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

    on_a_wire(url, test)


def test_idle_connections_that_the_server_closed_cost_no_call(
    url: str, postgres: PostgresServer
) -> None:
    async def test(database: PostgresDatabase) -> None:
        for _ in range(5):
            assert await names(database) == ["a", "b"]
            name = PostgresUrl(url).database
            postgres.run(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )

    run(url, test)


def test_a_statement_that_was_given_up_is_stopped_on_the_server(
    url: str, postgres: PostgresServer
) -> None:
    async def test(database: PostgresDatabase) -> None:
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

    run(url, test)


def test_a_server_that_is_down_is_refused_at_once_and_used_when_it_is_back(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.create()
    for statement in (MAKE, FILL):
        own_postgres.run(statement, url)

    async def test(database: PostgresDatabase) -> None:
        assert await names(database) == ["a", "b"]
        await asyncio.to_thread(own_postgres.stop)
        began = time.monotonic()
        for _ in range(200):
            with pytest.raises(Unavailable):
                await names(database)
        assert time.monotonic() - began < 15  # not one of them waited for its own deadline, 20 s
        await asyncio.to_thread(own_postgres.start)
        while True:
            try:
                assert await names(database) == ["a", "b"]
                break
            except Unavailable:
                await asyncio.sleep(0.01)

    run(url, test)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"password": "wrong"}, StateError, "refuses this user's password"),
        ({"name": "nowhere"}, StateError, "does not exist.*create it"),
        ({"port": 1}, Unavailable, "does not answer"),
    ],
)
def test_a_database_that_cannot_be_had_says_the_fix_without_the_password(
    url: str, change: dict[str, Any], kind: type[Exception], said: str
) -> None:
    parts = PostgresUrl(url)
    password = url.split(":")[2].partition("@")[0]
    changed = url.replace(password, change.get("password", password))
    changed = changed.replace(parts.database, change.get("name", parts.database))
    if "port" in change:
        changed = changed.replace(changed.split(":")[3].partition("/")[0], str(change["port"]))

    async def test(database: PostgresDatabase) -> None:
        with pytest.raises(kind, match=said) as caught:
            await names(database)
        assert password not in str(caught.value)
        assert "wrong" not in str(caught.value).replace("wrong password", "")

    run(changed, test)
