"""Every committed event takes effect exactly once, although processes are killed.

`make faults` runs the long form.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from neurova.bus.sqlite.messages import DEAD

from ..serving import Serving, port_of, serving, until

pytestmark = pytest.mark.server

KILLS = 200 if os.environ.get("NEUROVA_TEST_LONG") else 3
SOURCES = {
    "shop/domain.py": """
        import sqlalchemy as sa

        from neurova import Event

        metadata = sa.MetaData()
        sold = sa.Table("sold", metadata, sa.Column("number", sa.Integer, primary_key=True))


        class Sold(Event):
            number: int
        """,
    "shop/sell.py": '''
        """Sell one ticket."""
        from neurova import Tx, post

        from .domain import Sold, sold


        @post("/sell/{number}", public=True)
        async def sell(number: int, tx: Tx) -> None:
            await tx.execute(sold.insert(), {"number": number})
            tx.publish(Sold(number))
        ''',
    "mail/domain.py": """
        import sqlalchemy as sa

        from neurova import Event

        metadata = sa.MetaData()
        sent = sa.Table("sent", metadata, sa.Column("number", sa.Integer, primary_key=True))


        class Sold(Event, source="shop"):
            number: int
        """,
    "mail/send.py": '''
        """Record one mail."""
        import asyncio

        from neurova import Tx, on

        from .domain import Sold, sent


        @on(Sold, backoff=0.05, retries=100)
        async def send(event: Sold, tx: Tx) -> None:
            await tx.execute(sent.insert(), {"number": event.number})
            await asyncio.sleep(0.002)
        ''',
}
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table({!r}, sa.Column("number", sa.Integer(), primary_key=True))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    from textwrap import dedent

    for name, source in SOURCES.items():
        file = tmp_path / "functions" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source).lstrip())
    for service, table in (("shop", "sold"), ("mail", "sent")):
        folder = tmp_path / "functions" / service / "migrations"
        folder.mkdir()
        (folder / "0001_tables.py").write_text(MIGRATION.format(table))
    (tmp_path / "neurova.toml").write_text("[runtime]\nworkers = 1\n")
    return tmp_path


def numbers(project: Path, service: str, table: str) -> list[int]:
    """Return the numbers in a service's table."""
    connection = sqlite3.connect(project / ".neurova" / f"{service}.db", timeout=10)
    try:
        return [row[0] for row in connection.execute(f"SELECT number FROM {table}")]
    finally:
        connection.close()


@contextmanager
def selling(port: int) -> Iterator[list[int]]:
    """Sell tickets on two connections until the block ends; yield the numbers sold (204)."""
    stopped = threading.Event()
    answered: list[int] = []

    def sell(first: int) -> None:
        number = first
        while not stopped.is_set():
            with (
                suppress(OSError, http.client.HTTPException),
                closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection,
            ):
                while not stopped.is_set():
                    number += 2
                    connection.request("POST", f"/sell/{number}", headers={"Content-Length": "0"})
                    response = connection.getresponse()
                    response.read()
                    if response.status == 204:
                        answered.append(number)

    threads = [threading.Thread(target=sell, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def kill_randomly(run: Serving, answered: list[int], children: dict[str, int]) -> None:
    """Kill a child process after a random number of calls, and wait for its replacement."""
    target = len(answered) + random.randint(1, 60)
    until(lambda: len(answered) >= target)
    victim = random.choice(list(children))
    os.kill(children[victim], signal.SIGKILL)
    while True:
        event = run.event("worker")
        if event["what"] == "started":
            children[event["name"]] = event["pid"]
            if event["name"] == victim:
                return


def test_killed_processes_lose_and_repeat_no_event(project: Path) -> None:
    from ..serving import neurova

    neurova(project, "db", "upgrade")
    with serving(project, "run") as run:
        ready = run.event("ready")
        started = [each for each in run.events if each.get("what") == "started"]
        children = {each["name"]: each["pid"] for each in started if each["name"] != "admin"}
        with selling(port_of(ready)) as answered:
            for _ in range(KILLS):
                kill_randomly(run, answered, children)
        sold = sorted(numbers(project, "shop", "sold"))
        until(lambda: len(numbers(project, "mail", "sent")) >= len(sold))
        assert run.end()[0] == 0
    assert set(answered) <= set(sold)
    assert sorted(numbers(project, "mail", "sent")) == sold
    bus = sqlite3.connect(project / ".neurova" / "bus.db")
    assert bus.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert bus.execute(f"SELECT count(*) FROM messages WHERE state = {DEAD}").fetchone() == (0,)
    bus.close()
    print(f"{KILLS} kills: {len(sold)} events, each with its effect once")
