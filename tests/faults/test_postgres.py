"""Stopping PostgreSQL under load yields 503, then success; no acknowledged entry is lost."""

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

import pytest
from tests.servers.postgres import PostgresServer

from ..serving import PATIENCE, Serving, port_of, serving

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
ROUNDS = 3 if LONG else 1
MEASURED = LONG and os.environ.get("CI") != "true"  # only `make faults` asserts durations
CLIENTS = 16
TIMEOUT = 3  # seconds, timeout of the function
AVAILABLE_WITHIN = 2.0  # seconds after the server's start

DOMAIN = '''"""A ledger."""

import msgspec
import sqlalchemy as sa

metadata = sa.MetaData()
entries = sa.Table("entries", metadata, sa.Column("number", sa.Integer, primary_key=True))


class Entry(msgspec.Struct):
    """One entry."""

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
ENTER = f'''"""Write an entry."""

from neurova import Tx, post

from .domain import Entry, entries

_add = entries.insert()


@post("/entries", public=True, status=201, timeout={TIMEOUT})
async def enter(entry: Entry, tx: Tx) -> Entry:
    await tx.execute(_add, {{"number": entry.number}})
    return entry
'''


class Response(NamedTuple):
    """A response and its time (monotonic seconds)."""

    number: int
    status: int
    retry_after: bool
    at: float


class Load:
    """Clients that write entries until `end` is called."""

    def __init__(self, port: int) -> None:
        self.responses: list[Response] = []
        self._port = port
        self._numbers = count()
        self._ending = False
        self._tasks = [asyncio.ensure_future(self._client()) for _ in range(CLIENTS)]

    async def until(self, condition: Callable[[Response], bool], times: int) -> float:
        """Wait for `count` more responses that match; return the time of the first."""
        begin, end = len(self.responses), time.monotonic() + PATIENCE
        while True:
            found = [each for each in self.responses[begin:] if condition(each)]
            if len(found) >= times:
                return found[0].at
            assert time.monotonic() < end, f"not {times} such in {self.responses[begin:][-20:]}"
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        """Wait until each client has its last response."""
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
            self.responses.append(Response(number, int(head[9:12]), again, time.monotonic()))
            if again:
                await asyncio.sleep(0.02)  # leave the CPU to the server
        writer.close()


@pytest.fixture
def ledger(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PostgresServer, str, Serving]]:
    url = own_postgres.create_without_password(monkeypatch)
    project = tmp_path / "project"
    migrations = project / "functions" / "ledger" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_entries.py").write_text(MIGRATION)
    (migrations.parent / "domain.py").write_text(DOMAIN)
    (migrations.parent / "enter.py").write_text(ENTER)
    (project / "neurova.toml").write_text(f'[services.ledger]\ndatabase = "{url}"\n')
    with serving(project, "dev") as running:
        yield own_postgres, url, running


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
async def test_outage_is_503_and_loses_no_acknowledged_entry(
    ledger: tuple[PostgresServer, str, Serving], how: int
) -> None:
    """A refusal after the deadline would be 504 instead of 503."""
    server, url, running = ledger
    load = Load(port_of(running.event("ready")))
    for _ in range(ROUNDS):
        await load.until(lambda response: response.status == 201, 100)
        await asyncio.to_thread(server.stop, how)
        await load.until(lambda response: response.status == 503, 200)
        await asyncio.to_thread(server.start)
        back = time.monotonic()
        served = await load.until(lambda response: response.status == 201, 1)
        print(f"available {served - back:.2f} s after the start")
        assert not MEASURED or served - back <= AVAILABLE_WITHIN
    await load.until(lambda response: response.status == 201, 100)
    await load.end()
    unexpected = [line for line in running.stderr().splitlines() if "failed, error" in line]
    assert ({response.status for response in load.responses}, unexpected) == ({201, 503}, [])
    assert all(response.retry_after for response in load.responses if response.status == 503)
    stored = {number for (number,) in server.run("SELECT number FROM entries", url)}
    acknowledged = {response.number for response in load.responses if response.status == 201}
    assert acknowledged <= stored
