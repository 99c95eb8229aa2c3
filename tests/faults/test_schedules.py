"""Although processes are killed, each schedule fires exactly once a night across two processes.

`make faults` runs the long form.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql import dialect
from sqlalchemy.schema import CreateTable

from neurova.database.migrations import upgrade_platform
from neurova.database.postgres.url import PostgresUrl

from ..serving import until
from .schedule_process import KILL_POINTS, Control, nights

pytestmark = pytest.mark.server

NIGHTS = 200 if os.environ.get("NEUROVA_TEST_LONG") else 40
DAY = 86_400.0
FIRST = 20_000 * DAY


class Store:
    """The database of the service."""

    def __init__(self, request: pytest.FixtureRequest, backend: str) -> None:
        self._server: Any = None
        if backend == "postgres":
            self._server = request.getfixturevalue("postgres")
            self.location = self._server.create()
            upgrade_platform(PostgresUrl(self.location))
            self._server.run(str(CreateTable(nights).compile(dialect=dialect())), self.location)
        else:
            path = request.getfixturevalue("tmp_path") / "shop.db"
            self.location = str(path)
            upgrade_platform(path)
            nights.create(create_engine(f"sqlite:///{path}"))

    def fired(self) -> list[tuple[str, float]]:
        """Return each recorded pair of schedule and night."""
        statement = "SELECT schedule, night FROM nights"
        if self._server is not None:
            return [tuple(row) for row in self._server.run(statement, self.location)]
        with closing(sqlite3.connect(self.location, timeout=20)) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    return Store(request, request.param)


class Processes:
    """Two processes; `revive` restarts killed ones."""

    def __init__(self, location: str, control: Path) -> None:
        self._command = [sys.executable, "-m", "tests.faults.schedule_process", location]
        self._command.append(str(control))
        self.kills = 0
        self._processes = [self._start(), self._start()]

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    @property
    def are_alive(self) -> bool:
        return all(each.poll() is None for each in self._processes)

    def revive(self) -> None:
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                self._close(process)
                self.kills += 1
                self._processes[number] = self._start()

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            self._close(process)

    def _close(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_each_schedule_fires_once_a_night(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "control"
    file.write_bytes(bytes(9))
    control = Control(file)
    control.set(FIRST)
    processes = Processes(store.location, file)
    points = list(KILL_POINTS.values())
    try:
        for night in range(1, NIGHTS + 1):
            is_tenth = night % 10 == 0
            control.set(FIRST + night * DAY, points[night // 10 % 4] if is_tenth else 0)
            if is_tenth:
                until(lambda: not processes.are_alive)
                if random.random() < 0.5:  # let the other process continue alone
                    until(lambda night=night: len(store.fired()) >= 2 * night)  # type: ignore[misc]
                processes.revive()
            until(lambda night=night: len(store.fired()) >= 2 * night)  # type: ignore[misc]
    finally:
        processes.stop()
    fired = Counter(store.fired())
    expected = [FIRST + night * DAY for night in range(1, NIGHTS + 1)]
    assert fired == Counter((name, night) for name in ("nightly", "daily") for night in expected)
    assert processes.kills >= NIGHTS // 10
    print(f"{NIGHTS} nights, {processes.kills} kills: each of 2 schedules fired once a night")
