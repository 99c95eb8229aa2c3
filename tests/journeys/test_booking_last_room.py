"""Two hundred guests book the last room at once: one gets it, the others get 409."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform import http_client

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving

pytestmark = pytest.mark.server

FUNCTIONS = Path(__file__).parents[2] / "functions"
ROUNDS = 10 if os.environ.get("NEUROVA_TEST_LONG") else 2
GUESTS = 200
FIRST = date(2016, 7, 2)
ROOM = "b"
SCOPES = ["booking:read", "booking:write"]


def neurova(project: Path, *words: str) -> str:
    """Run a command in the project and return its output."""
    ran = subprocess.run(
        [NEUROVA, *words], cwd=project, env=environment(), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


class Hotel:
    """The Booking project, served by several workers."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self._key = key

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Make one call."""
        fields = {"X-API-Key": self._key, "Content-Type": "application/json"}
        said = None if body is None else json.dumps(body).encode()
        base = f"http://127.0.0.1:{self.port}"
        answer = http_client.send(base, method, path, fields, said)
        return answer.status, answer.decoded()

    def leave_one(self, arrival: date) -> None:
        """Book all rooms of a night except one."""
        found = self.ask("GET", f"/availability?room_type={ROOM}&arrival={arrival}")[1]["free"]
        for _ in range(found - 1):
            assert self.ask("POST", "/bookings", stay(arrival))[0] == 201

    async def rush(self, arrival: date) -> Counter[int]:
        """Let all guests book at once, each on its own connection; count the statuses."""
        body = json.dumps(stay(arrival)).encode()
        head = (
            f"POST /bookings HTTP/1.1\r\nHost: hotel\r\nX-API-Key: {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        asked = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(GUESTS)]
        for _, writer in asked:
            writer.write(head.encode() + body)
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*(reader.read() for reader, _ in asked))
        for _, writer in asked:
            writer.close()
        return Counter(int(answer[9:12]) for answer in answers)


def stay(arrival: date) -> dict[str, Any]:
    return {"room_type": ROOM, "arrival": arrival.isoformat(), "nights": 1}


PLACES = [(1, "sqlite"), (4, "sqlite"), (1, "postgres"), (4, "postgres")]


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}_on_{place[1]}")
def hotel(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hotel]:
    count, kind = request.param
    project = tmp_path / "hotel"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FUNCTIONS / "booking", project / "functions" / "booking", ignore=skipped)
    where = on_postgres(request, monkeypatch) if kind == "postgres" else ""
    # A high `delay`: a busy machine may otherwise refuse calls as overload.
    patient = '[project]\nname = "hotel"\n[runtime]\ndelay = 60\n'
    (project / "neurova.toml").write_text(patient + where)
    neurova(project, "db", "upgrade")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    words = ["keys", "create", "--consumer", "guests", "--env", "live", *scopes, "--json"]
    key = json.loads(neurova(project, *words))["key"]
    with serving(project, "run", "--workers", str(count)) as run:
        yield Hotel(port_of(run.event("ready")), key)
        assert run.end() == (0, "")


def on_postgres(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the setting of a new database; the environment has its password."""
    server: PostgresServer = request.getfixturevalue("postgres")
    parts = urlsplit(server.create())
    monkeypatch.setenv("PGPASSWORD", parts.password or "")
    netloc = f"{parts.username}@{parts.hostname}:{parts.port}"
    return f'[services.booking]\ndatabase = "{parts._replace(netloc=netloc).geturl()}"\n'


async def test_last_room_is_sold_once(hotel: Hotel) -> None:
    """One 201 and 199 times 409 in each round, with one or four workers, on both databases."""
    for number in range(ROUNDS):
        arrival = FIRST + timedelta(number)
        hotel.leave_one(arrival)
        before = len(booked(hotel, arrival))
        assert await hotel.rush(arrival) == {201: 1, 409: GUESTS - 1}
        assert len(booked(hotel, arrival)) == before + 1
        path = f"/availability?room_type={ROOM}&arrival={arrival}"
        assert hotel.ask("GET", path)[1]["free"] == 0


def booked(hotel: Hotel, arrival: date) -> list[Any]:
    until = arrival + timedelta(1)
    path = f"/bookings?limit=500&arrival_from={arrival}&arrival_before={until}"
    found: list[Any] = hotel.ask("GET", path)[1]["bookings"]
    return found
