"""Equal calls under one Idempotency-Key change the state once, whoever dies in between."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from neurova_platform import client

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving, until

pytestmark = pytest.mark.server

RUNTIMES = 4
CALLS = 100
ROUNDS = 10 if os.environ.get("NEUROVA_TEST_LONG") else 2
DEATHS = 50 if os.environ.get("NEUROVA_TEST_LONG") else 3
DOMAIN = '''"""Notes, and a death at a chosen moment."""

import os
import signal

import sqlalchemy as sa

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String, nullable=False),
)


def die_after_the_commit(tx) -> None:
    """Let this process be killed when the transaction has committed, before anybody is told."""
    kind = type(tx)
    plain = kind.commit

    async def commit(self) -> None:
        await plain(self)
        os.kill(os.getpid(), signal.SIGKILL)

    kind.commit = commit
'''
MIGRATION = '''"""Notes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False),
    )
'''
WRITE = '''"""Write a note, slowly."""

import asyncio
import os
from pathlib import Path

from msgspec import Struct

from neurova import Reject, Reply, Tx, post

from .domain import die_after_the_commit, notes


class Note(Struct):
    text: str


@post("/notes", status=201)
async def write_note(note: Note, tx: Tx) -> Reply:
    if note.text == "patient":
        with Path("ran").open("a") as ran:
            ran.write("x")
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
    """What came back: nothing at all is status 0."""

    status: int
    body: bytes
    replayed: bool
    location: bytes


class Project:
    """A project whose one service writes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        service = folder / "functions" / "notes"
        (service / "migrations").mkdir(parents=True)
        for name, source in (("domain", DOMAIN), ("write", WRITE), ("count", COUNT)):
            (service / f"{name}.py").write_text(source)
        (service / "migrations" / "0001_notes.py").write_text(MIGRATION)
        (folder / "neurova.toml").write_text('[project]\nname = "notes"\n')
        self.command("db", "upgrade")
        words = ["keys", "create", "--consumer", "ada", "--env", "live", "--json"]
        self.key = json.loads(self.command(*words))["key"]

    def command(self, *words: str) -> str:
        """Run a command in the project and return what it printed."""
        ran = subprocess.run(
            [NEUROVA, *words], cwd=self.folder, env=environment(), capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def count(self, port: int) -> int:
        answer = client.send(
            f"http://127.0.0.1:{port}", "GET", "/notes/count", {"X-API-Key": self.key}, None
        )
        return int(answer.decoded())

    async def post(self, port: int, key: str, text: str) -> Answer:
        """Write a note on a connection of its own."""
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


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def ports(project: Project) -> Iterator[list[int]]:
    """Run four runtimes on one state folder."""
    with ExitStack() as stack:
        running = [stack.enter_context(serving(project.folder, "run")) for _ in range(RUNTIMES)]
        yield [port_of(each.event("ready")) for each in running]
        assert [each.end() for each in running] == [(0, "")] * RUNTIMES


def test_a_hundred_equal_calls_on_four_runtimes_change_the_state_once(
    project: Project, ports: list[int]
) -> None:
    """In every round one note more, and a hundred answers that are equal to the octet."""

    async def rush(key: str, text: str) -> list[Answer]:
        calls = (project.post(ports[number % RUNTIMES], key, text) for number in range(CALLS))
        return list(await asyncio.gather(*calls))

    for number in range(ROUNDS):
        answers = asyncio.run(rush(f"a{number}", "milk"))
        assert {(each.status, each.body, each.location) for each in answers} == {
            (201, answers[0].body, answers[0].location)
        }
        assert sum(each.replayed for each in answers) == CALLS - 1
        assert project.count(ports[0]) == number + 1
        refused = asyncio.run(rush(f"b{number}", "refused"))
        assert {(each.status, each.body) for each in refused} == {(409, refused[0].body)}
        assert project.count(ports[0]) == number + 1


def test_a_runtime_killed_between_its_commit_and_its_answer_has_kept_the_answer(
    project: Project,
) -> None:
    """The caller has nothing, asks again, is given what was kept, and there is one note more."""
    with serving(project.folder, "run") as living:
        survivor = port_of(living.event("ready"))
        for number in range(DEATHS):
            with serving(project.folder, "run") as mortal:
                port = port_of(mortal.event("ready"))
                first = asyncio.run(project.post(port, f"k{number}", "deadly"))
                assert first == Answer(0, b"", False, b"")
                assert mortal.process.wait(PATIENCE) == -signal.SIGKILL
                pid = mortal.process.pid
            again = asyncio.run(project.post(survivor, f"k{number}", "deadly"))
            assert (again.status, again.replayed) == (201, True)
            assert json.loads(again.body) == {"id": number + 1, "by": pid}
            assert project.count(survivor) == number + 1


def test_a_runtime_killed_before_its_commit_has_changed_nothing_and_another_goes_on(
    project: Project,
) -> None:
    """A duplicate that waits in another process has the key as soon as its holder is dead."""
    ran, lock = project.folder / "ran", project.folder / ".neurova" / "notes.db.lock"
    with serving(project.folder, "run") as living, serving(project.folder, "run") as mortal:
        survivor, port = (port_of(each.event("ready")) for each in (living, mortal))

        async def killed() -> list[Answer]:
            first = asyncio.create_task(project.post(port, "k", "patient"))
            await asyncio.to_thread(until, ran.exists)
            second = asyncio.create_task(project.post(survivor, "k", "patient"))
            await asyncio.to_thread(until, lambda: has_open(living.process.pid, lock))
            assert ran.read_text() == "x"
            mortal.process.kill()
            (project.folder / "go").touch()
            return [await first, await second]

        first, second = asyncio.run(killed())
        assert first == Answer(0, b"", False, b"")
        assert (second.status, second.replayed) == (201, False)
        assert json.loads(second.body)["by"] == living.process.pid
        assert ran.read_text() == "xx"
        assert project.count(survivor) == 1


def has_open(pid: int, file: Path) -> bool:
    """Tell whether a process has a file open: here, that it has asked for a key."""
    found = (os.path.realpath(entry) for entry in Path(f"/proc/{pid}/fd").iterdir())
    return str(file.resolve()) in found
