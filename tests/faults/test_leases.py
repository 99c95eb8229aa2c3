"""Leased credentials are renewed and replaced under load, through restarts of OpenBao.

`NEUROVA_TEST_LONG=1` runs three minutes with leases of 3 s.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from tests.servers.bootstrap import bootstrap, create_service_database, postgres_variables
from tests.servers.openbao import OpenBao
from tests.servers.postgres import PostgresServer

from ..load import load
from ..serving import PATIENCE, neurova, port_of, serving

pytestmark = pytest.mark.server

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
TTL, MAX_TTL, SECONDS = ("3s", "9s", 180) if LONG else ("5s", "9s", 0)
SETTINGS = """
[secrets]
url = "{bao.url}"
auth = "approle"
role = "{role}"
secret_id = {{env = "SECRET_ID"}}

[services.ledger]
database = "{database}"
credentials = "database/creds/ledger"
"""
DOMAIN = '''"""The uses of credentials. Vault adds 5 s to the end of a lease, cut to seconds."""

import sqlalchemy as sa

FIND = """SELECT clock_timestamp() AS used, rolvaliduntil - interval '4 s' AS ends,
session_user AS name FROM pg_roles WHERE rolname = session_user"""
metadata = sa.MetaData()
uses = sa.Table(
    "uses",
    metadata,
    sa.Column("used", sa.DateTime(timezone=True)),
    sa.Column("ends", sa.DateTime(timezone=True)),
    sa.Column("name", sa.Text),
)
'''
MIGRATION = '''"""uses."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    columns = sa.Column("used", time), sa.Column("ends", time), sa.Column("name", sa.Text)
    op.create_table("uses", *columns)
'''
READ = '''"""Check the credential of the connection."""

from sqlalchemy import text

from neurova import Tx, get

from .domain import FIND


@get("/use", public=True)
async def read(tx: Tx) -> str:
    row = (await tx.execute(text(FIND))).one()
    return "valid" if row.used <= row.ends else "expired"
'''
WRITE = '''"""Record the credential of the connection."""

import asyncio

from sqlalchemy import text

from neurova import Tx, post

from .domain import FIND


@post("/use", scopes=["use"])
async def write(tx: Tx) -> str:
    rows = (await tx.execute(text(f"INSERT INTO uses {FIND} RETURNING 1"))).all()
    await asyncio.sleep(0.05)  # a transaction in flight at a change
    return str(len(rows))
'''


async def write_until(
    stop: asyncio.Event, port: int, key: str, statuses: Counter[tuple[int, bytes]]
) -> None:
    """Send POSTs, each with its own Idempotency-Key."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not stop.is_set():
        head = f"POST /use HTTP/1.1\r\nHost: ledger\r\nIdempotency-Key: {uuid4()}\r\n"
        writer.write(f"{head}X-API-Key: {key}\r\nContent-Length: 0\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r")[0])
        statuses[int(head[9:12]), await reader.readexactly(length)] += 1
    writer.close()


@pytest.fixture
def project(
    own_openbao: OpenBao,
    own_postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    database = create_service_database(own_postgres, "ledger")
    variables = postgres_variables(own_postgres, TTL, MAX_TTL)
    role, secret_id = bootstrap(own_openbao, tmp_path / "login", "neurova", "ledger", **variables)
    migrations = tmp_path / "functions" / "ledger" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_uses.py").write_text(MIGRATION)
    (migrations.parent / "domain.py").write_text(DOMAIN)
    (migrations.parent / "read.py").write_text(READ)
    (migrations.parent / "write.py").write_text(WRITE)
    settings = SETTINGS.format(bao=own_openbao, role=role, database=database)
    (tmp_path / "neurova.toml").write_text(settings)
    monkeypatch.setenv("SECRET_ID", secret_id)
    return tmp_path


async def test_rotation_and_restarts_of_vault_fail_no_request(
    project: Path, own_openbao: OpenBao, own_postgres: PostgresServer
) -> None:
    """No request fails, no expired credential is used, and no platform process restarts."""
    url = own_postgres.url.rpartition("/")[0] + "/ledger"

    def users() -> set[str]:
        return {name for (name,) in own_postgres.run("SELECT DISTINCT name FROM uses", url)}

    async def wait_for_new_users(number: int) -> None:
        before, end = await asyncio.to_thread(users), time.monotonic() + PATIENCE
        while len(await asyncio.to_thread(users) - before) < number:
            assert time.monotonic() < end, f"credentials are not replaced: {statuses}"
            await asyncio.sleep(0.2)

    neurova(project, "db", "upgrade")
    key = neurova(project, "keys", "create", "--consumer", "ada", "--scope", "use").strip()
    started, outages, stop = time.monotonic(), [], asyncio.Event()
    statuses: Counter[tuple[int, bytes]] = Counter()
    with serving(project, "run", "--workers", "2") as running:
        ready = await asyncio.to_thread(running.event, "ready")
        port = port_of(ready)
        async with asyncio.TaskGroup() as writers, load(port, "/use", clients=1) as reads:
            for _ in range(4):
                writers.create_task(write_until(stop, port, key, statuses))
            for _ in range(2):
                await wait_for_new_users(2)
                begin = time.monotonic()
                await asyncio.to_thread(own_openbao.kill)
                await asyncio.to_thread(own_openbao.start)
                outages.append(time.monotonic() - begin)
            await wait_for_new_users(4)
            while time.monotonic() < started + SECONDS:
                await asyncio.sleep(1)
            stop.set()
        code, log = await asyncio.to_thread(running.end)
        kinds = Counter(event["event"] for event in running.events)
    late = own_postgres.run("SELECT count(*) FROM uses WHERE used > ends", url)
    rows = own_postgres.run("SELECT count(*) FROM uses", url)
    print(
        f"{sum(statuses.values())} writes, {reads.sent} reads, {len(users())} credentials, "
        f"OpenBao down for {outages}, events {dict(kinds)}\n{log}"
    )
    assert reads.failed == []
    assert set(reads.answered) == {"valid"}
    assert set(statuses) == {(200, b"1")}
    assert late == [(0,)]
    assert rows == [(sum(statuses.values()),)]
    assert code == 0
    assert "crashed" not in kinds
    assert own_postgres.run("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'") == []
