"""Connections stay usable while their credential changes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from sqlalchemy import text
from tests.runtime.database.things import begin
from tests.servers.postgres import PostgresServer

from neurova.database.migrations import product, upgrade_platform
from neurova.database.postgres.credentials import Credential
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.errors import StateError

pytestmark = pytest.mark.server

WHO = text("SELECT session_user")


class Roles:
    """A source of credentials that creates users on a server; the test drops some of them."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server = server
        self.location = PostgresUrl(url, self)
        self.fetched = 0
        self.users: list[str] = []
        self.current: Credential | None = None
        self._changed: list[Callable[[], None]] = []

    def valid(self) -> Credential | None:
        return self.current

    def fetch(self, refused: Credential | None = None) -> Credential:
        self.fetched += 1
        return self.change()

    def subscribe(self, changed: Callable[[], None]) -> None:
        self._changed.append(changed)

    def change(self) -> Credential:
        """Create a user and make it the current credential."""
        user, password = f"nv_{secrets.token_hex(4)}", secrets.token_hex(8)
        self.server.run(f"CREATE ROLE {user} LOGIN SUPERUSER PASSWORD '{password}'")
        self.users.append(user)
        self.current = Credential(user, password)
        for changed in self._changed:
            changed()
        return self.current

    def connected(self) -> list[str]:
        """Return the users with open connections."""
        rows = self.server.run(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = "
            f"'{self.location.database}' AND usename LIKE 'nv_%' ORDER BY 1"
        )
        return [row[0] for row in rows]


@pytest.fixture
def roles(postgres: PostgresServer) -> Iterator[Roles]:
    found = Roles(postgres, postgres.create())
    yield found
    for user in found.users:
        postgres.run(f"DROP ROLE IF EXISTS {user}")


@pytest.fixture
async def database(roles: Roles) -> AsyncIterator[PostgresDatabase]:
    postgres = roles.server
    upgrade_platform(PostgresUrl(roles.location.dsn))
    database = PostgresDatabase(roles.location, 4)
    yield database
    await database.close()
    assert postgres.is_ready()


async def ask(database: PostgresDatabase) -> str:
    tx = begin(database)
    try:
        user: str = (await tx.execute(WHO)).scalar_one()
        await tx.commit()
    finally:
        await tx.rollback()
    return user


async def connected_once_idle_closed(roles: Roles, expected: list[str]) -> None:
    async with asyncio.timeout(10):
        while await asyncio.to_thread(roles.connected) != expected:
            await asyncio.sleep(0)


async def test_transaction_finishes_on_the_credential_it_began_with(
    roles: Roles, database: PostgresDatabase
) -> None:
    old = await ask(database)
    tx = begin(database)
    await tx.execute(WHO)
    new = roles.change().user
    assert (await tx.execute(WHO)).scalar_one() == old
    assert await ask(database) == new
    await tx.commit()
    await connected_once_idle_closed(roles, [new])
    assert roles.fetched == 1


async def test_idle_connections_close_when_the_credential_changes(
    roles: Roles, database: PostgresDatabase
) -> None:
    old = await ask(database)
    await database.find_response(bytes(32), asyncio.get_running_loop().time() + 5)
    assert roles.connected() == [old]
    roles.change()
    await connected_once_idle_closed(roles, [])


async def test_lock_of_a_key_outlives_a_change(roles: Roles, database: PostgresDatabase) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    lock = await database.lock_key(b"a" * 32, deadline)
    old = roles.users[0]
    new = roles.change().user
    await (await database.lock_key(b"b" * 32, deadline)).release()
    await connected_once_idle_closed(roles, sorted([old, new]))
    taken = "SELECT pg_try_advisory_lock(x'6161616161616161'::bigint)"
    assert roles.server.run(taken, roles.location.dsn) == [(False,)]
    await lock.release()
    await connected_once_idle_closed(roles, [new])
    assert roles.server.run(taken, roles.location.dsn) == [(True,)]


async def test_refused_credential_is_replaced_once(
    roles: Roles, database: PostgresDatabase
) -> None:
    await ask(database)
    roles.change()
    roles.server.run(f"ALTER ROLE {roles.users[-1]} PASSWORD 'changed'")
    assert await ask(database) == roles.users[-1]
    assert roles.fetched == 2
    assert product(roles.location).startswith("PostgreSQL")


class RefusedRoles(Roles):
    """A source that returns a user unknown to the server."""

    def fetch(self, refused: Credential | None = None) -> Credential:
        self.fetched += 1
        return Credential("nobody", "wrong")


async def test_two_refusals_are_an_error(postgres: PostgresServer) -> None:
    """If the server refuses every user, a connection fetches two credentials, then fails."""
    roles = RefusedRoles(postgres, postgres.url)
    database = PostgresDatabase(roles.location, 2)
    with pytest.raises(StateError, match="rejects this user"):
        await ask(database)
    assert roles.fetched == 2
    await database.close()
