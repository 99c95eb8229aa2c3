"""Equal calls with one Idempotency-Key change the state once, even if a process dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform import http_client

from ..serving import PATIENCE, neurova, port_of, serving, until

pytestmark = pytest.mark.server

WORKERS = 4
CALLS = 100
ROUNDS = 10 if os.environ.get("NEUROVA_TEST_LONG") else 2
DEATHS = 50 if os.environ.get("NEUROVA_TEST_LONG") else 3
DOMAIN = '''"""Notes, and a worker that is killed at a chosen moment."""

import os
import signal

import msgspec
import sqlalchemy as sa

metadata = sa.MetaData()
notes = sa.Table(
    "notes", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("text", sa.String)
)


class Note(msgspec.Struct):
    text: str


def die_after_the_commit(tx) -> None:
    """Kill this process between the commit and the response."""
    plain = type(tx).commit

    async def commit(self) -> None:
        await plain(self)
        os.kill(os.getpid(), signal.SIGKILL)

    type(tx).commit = commit
'''
MIGRATION = '''"""Notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("text", sa.String())
    )
'''
WRITE = '''"""Write a note, slowly."""

import asyncio
import os
from pathlib import Path

from neurova import Reject, Reply, Tx, post

from .domain import Note, die_after_the_commit, notes


@post("/notes", status=201)
async def write_note(note: Note, tx: Tx) -> Reply:
    if note.text == "patient":
        with Path("ran").open("a") as ran:
            ran.write(f"{os.getpid()}\\n")
        while not Path("go").exists():
            await asyncio.sleep(0.001)
    made = await tx.execute(notes.insert().values(text=note.text).returning(notes.c.id))
    number = made.scalar_one()
    if note.text == "refused":
        raise Reject(409, f"Note {number} by {os.getpid()}")
    if note.text == "deadly":
        die_after_the_commit(tx)
    await asyncio.sleep(0.02)
    return Reply(201, {"id": number, "by": os.getpid()}, {"Location": f"/notes/{number}"})
'''
COUNT = '''"""Count the notes."""

import sqlalchemy as sa

from neurova import Tx, get

from .domain import notes


@get("/notes/count")
async def count_notes(tx: Tx) -> int:
    return (await tx.execute(sa.select(sa.func.count()).select_from(notes))).scalar_one()
'''


class Answer(NamedTuple):
    """A response; status 0 means that none arrived."""

    status: int
    body: bytes
    replayed: bool
    location: bytes


class Project:
    """A project with one service that writes notes, on SQLite or PostgreSQL."""

    def __init__(self, folder: Path, server: PostgresServer | None, url: str = "") -> None:
        self.folder = folder
        self.server = server
        self.database = urlsplit(url).path.removeprefix("/")
        service = folder / "functions" / "notes"
        (service / "migrations").mkdir(parents=True)
        for name, source in (("domain", DOMAIN), ("write", WRITE), ("count", COUNT)):
            (service / f"{name}.py").write_text(source)
        (service / "migrations" / "0001_notes.py").write_text(MIGRATION)
        where = f'[services.notes]\ndatabase = "{url}"\n' if url else ""
        (folder / "neurova.toml").write_text(where)
        neurova(folder, "db", "upgrade")
        words = ["keys", "create", "--consumer", "ada", "--env", "live", "--json"]
        self.key = json.loads(neurova(folder, *words))["key"]

    def waits_for_key(self, pid: int) -> bool:
        """Return whether a process waits for an idempotency key held by another process."""
        if self.server is None:
            lock = (self.folder / ".neurova" / "notes.db.lock").resolve()
            found = Path(f"/proc/{pid}/fd").iterdir()
            return str(lock) in {os.path.realpath(entry) for entry in found}
        asked = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock%' "
            f"AND datname = '{self.database}'"
        )
        return bool(self.server.run(asked)[0][0])

    def count(self, port: int) -> int:
        """Return the number of notes."""
        base, fields = f"http://127.0.0.1:{port}", {"X-API-Key": self.key}
        return int(http_client.send(base, "GET", "/notes/count", fields, None).decoded())

    async def post(self, port: int, key: str, text: str) -> Answer:
        """Write a note, on a new connection."""
        body = json.dumps({"text": text}).encode()
        head = (
            f"POST /notes HTTP/1.1\r\nHost: notes\r\nX-API-Key: {self.key}\r\n"
            f'Idempotency-Key: "{key}"\r\nContent-Type: application/json\r\n'
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(PATIENCE):
                octets = await reader.read()
        except ConnectionResetError:
            octets = b""
        writer.close()
        return read(octets)


def read(octets: bytes) -> Answer:
    if not octets:
        return Answer(0, b"", False, b"")
    head, _, body = octets.partition(b"\r\n\r\n")
    location = re.search(rb"\r\nlocation: (\S+)", head)
    replayed = b"\r\nidempotency-replayed: true" in head
    return Answer(int(head[9:12]), body, replayed, location[1] if location else b"")


@pytest.fixture(params=["sqlite", "postgres"])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    if request.param == "sqlite":
        return Project(tmp_path / "project", None)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Project(tmp_path / "project", server, server.create_without_password(monkeypatch))


async def test_equal_calls_change_the_state_once(project: Project) -> None:
    """A hundred calls on four workers add one note and get equal responses."""

    async def rush(port: int, key: str, text: str) -> list[Answer]:
        return list(await asyncio.gather(*(project.post(port, key, text) for _ in range(CALLS))))

    with serving(project.folder, "run", "--workers", str(WORKERS)) as running:
        port = port_of(running.event("ready"))
        for number in range(ROUNDS):
            answers = await rush(port, f"a{number}", "milk")
            assert {(each.status, each.body, each.location) for each in answers} == {
                (201, answers[0].body, answers[0].location)
            }
            assert sum(each.replayed for each in answers) == CALLS - 1
            assert project.count(port) == number + 1
            refused = await rush(port, f"b{number}", "refused")
            assert {(each.status, each.body) for each in refused} == {(409, refused[0].body)}
            assert project.count(port) == number + 1
        assert running.end() == (0, "")


async def test_worker_killed_after_commit_has_stored_the_response(project: Project) -> None:
    """The client gets no response, retries, and gets the stored one; one note is added."""
    with serving(project.folder, "run", "--workers", str(WORKERS)) as running:
        port = port_of(running.event("ready"))
        for number in range(DEATHS):
            first = await project.post(port, f"k{number}", "deadly")
            assert first == Answer(0, b"", False, b"")
            again = await project.post(port, f"k{number}", "deadly")
            assert (again.status, again.replayed) == (201, True)
            written = json.loads(again.body)
            assert written["id"] == number + 1
            until(lambda pid=written["by"]: not Path(f"/proc/{pid}").exists())
            assert project.count(port) == number + 1
        assert running.end()[0] == 0


async def test_worker_killed_before_commit_changes_nothing(project: Project) -> None:
    """Duplicates waiting in another worker continue as soon as the lock's holder is dead."""
    ran = project.folder / "ran"
    with serving(project.folder, "run", "--workers", "2") as running:
        ready = running.event("ready")
        port = port_of(ready)

        calls = [asyncio.create_task(project.post(port, "k", "patient"))]
        await asyncio.to_thread(until, lambda: ran.exists() and ran.read_text() != "")
        holder = int(ran.read_text())
        (other,) = set(ready["pids"]) - {holder}
        while not project.waits_for_key(other):  # the kernel chooses the worker
            calls.append(asyncio.create_task(project.post(port, "k", "patient")))
            await asyncio.sleep(0.01)
        assert ran.read_text() == f"{holder}\n"
        os.kill(holder, signal.SIGKILL)
        (project.folder / "go").touch()
        responses = await asyncio.gather(*calls)
        assert responses[0] == Answer(0, b"", False, b"")
        received = [each for each in responses if each.status]
        assert {(each.status, each.body) for each in received} == {(201, received[0].body)}
        assert [each.replayed for each in received].count(False) == 1
        assert ran.read_text().count("\n") == 2
        assert project.count(port) == 1
        assert running.end()[0] == 0
