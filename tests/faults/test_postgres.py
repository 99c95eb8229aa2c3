"""PostgreSQL stops and starts under load: refused at once, served again soon, nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.servers.postgres import PostgresServer

from ..serving import PATIENCE, Serving, port_of, serving

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
ROUNDS = 3 if LONG else 1
MEASURED = LONG and os.environ.get("CI") != "true"  # seconds are `make faults`'s to judge
CLIENTS = 16
TIMEOUT = 3  # seconds that the function has
BACK = 2.0  # seconds after which a server that is back is used again

DOMAIN = '''"""A ledger."""

import msgspec
import sqlalchemy as sa

metadata = sa.MetaData()
entries = sa.Table("entries", metadata, sa.Column("number", sa.Integer, primary_key=True))


class Entry(msgspec.Struct):
    """One line of it."""

    number: int
'''
MIGRATION = '''"""entries."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("entries", sa.Column("number", sa.Integer(), primary_key=True))
'''
ENTER = f'''"""Write a line."""

from neurova import Tx, post

from .domain import Entry, entries

_add = entries.insert()


@post("/entries", public=True, status=201, timeout={TIMEOUT})
async def enter(entry: Entry, tx: Tx) -> Entry:
    await tx.execute(_add, {{"number": entry.number}})
    return entry
'''


class Told(NamedTuple):
    """What a client was told, and when (monotonic seconds)."""

    number: int
    status: int
    retry_after: bool
    at: float


class Load:
    """Clients that each write one line after another, until `end`."""

    def __init__(self, port: int) -> None:
        self.told: list[Told] = []
        self._port = port
        self._numbers = count()
        self._ending = False
        self._tasks = [asyncio.ensure_future(self._client()) for _ in range(CLIENTS)]

    async def until(self, condition: Callable[[Told], bool], times: int) -> float:
        """Return when so many more answers are such; at which time the first of them came."""
        begin, end = len(self.told), time.monotonic() + PATIENCE
        while True:
            found = [told for told in self.told[begin:] if condition(told)]
            if len(found) >= times:
                return found[0].at
            assert time.monotonic() < end, f"not {times} such in {self.told[begin:][-20:]}"
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Let each client have its last answer."""
        self._ending = True
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._tasks)

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not self._ending:
            number = next(self._numbers)
            body = json.dumps({"number": number}).encode()
            writer.write(
                b"POST /entries HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            again = b"\r\nretry-after: " in head
            self.told.append(Told(number, int(head[9:12]), again, time.monotonic()))
            if again:
                await asyncio.sleep(0.02)  # the test's own patience, so that it leaves the CPU
        writer.close()


@pytest.fixture
def ledger(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PostgresServer, str, Serving]]:
    url = own_postgres.create()
    parts = urlsplit(url)
    monkeypatch.setenv("PGPASSWORD", parts.password or "")
    place = parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}").geturl()
    project = tmp_path / "project"
    migrations = project / "functions" / "ledger" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_entries.py").write_text(MIGRATION)
    (migrations.parent / "domain.py").write_text(DOMAIN)
    (migrations.parent / "enter.py").write_text(ENTER)
    (project / "neurova.toml").write_text(f'[services.ledger]\ndatabase = "{place}"\n')
    with serving(project, "dev") as running:
        yield own_postgres, url, running


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_what_fails_meanwhile_is_503_and_what_was_acknowledged_is_there(
    ledger: tuple[PostgresServer, str, Serving], how: int
) -> None:
    """Each refusal comes within the deadline: past it the answer would be 504."""
    server, url, running = ledger
    port = port_of(running.event("ready"))

    async def run() -> Load:
        load = Load(port)
        for _ in range(ROUNDS):
            await load.until(lambda told: told.status == 201, 100)
            await asyncio.to_thread(server.stop, how)
            await load.until(lambda told: told.status == 503, 200)
            await asyncio.to_thread(server.start)
            back = time.monotonic()
            served = await load.until(lambda told: told.status == 201, 1)
            print(f"served again {served - back:.2f} s after it was back")
            assert not MEASURED or served - back <= BACK
        await load.until(lambda told: told.status == 201, 100)
        await load.end()
        return load

    load = asyncio.run(run())
    unforeseen = [line for line in running.stderr().splitlines() if "failed, error" in line]
    assert ({told.status for told in load.told}, unforeseen) == ({201, 503}, [])
    assert all(told.retry_after for told in load.told if told.status == 503)
    there = {number for (number,) in server.run("SELECT number FROM entries", url)}
    acknowledged = {told.number for told in load.told if told.status == 201}
    assert acknowledged <= there
