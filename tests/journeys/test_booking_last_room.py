"""Two hundred guests book the last room at the same time: one gets it, the others get 409."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

from neurova_platform import http_client

from ..serving import PATIENCE, neurova, port_of, serving

pytestmark = pytest.mark.server

FUNCTIONS = Path(__file__).parents[2] / "functions"
ROUNDS = 10 if os.environ.get("NEUROVA_TEST_LONG") else 2
GUESTS = 200
FIRST = date(2016, 7, 2)
ROOM = "b"  # a type with one room
SCOPES = ["booking:read", "booking:write"]


class Hotel:
    """The Booking project, served by several workers."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self._key = key

    def get(self, path: str) -> Any:
        """Return the decoded body of a response."""
        base, fields = f"http://127.0.0.1:{self.port}", {"X-API-Key": self._key}
        return http_client.send(base, "GET", path, fields, None).decoded()

    async def rush(self, arrival: date) -> Counter[int]:
        """Let all guests book concurrently, each on a new connection; count the statuses."""
        stay = {"room_type": ROOM, "arrival": arrival.isoformat(), "nights": 1}
        body = json.dumps(stay).encode()
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


PLACES = [(1, "sqlite"), (4, "sqlite"), (1, "postgres"), (4, "postgres")]


@pytest.fixture(params=PLACES, ids=lambda place: f"{place[0]}_on_{place[1]}")
def hotel(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hotel]:
    count, kind = request.param
    project = tmp_path / "hotel"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FUNCTIONS / "booking", project / "functions" / "booking", ignore=skipped)
    where = ""
    if kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        where = f'[services.booking]\ndatabase = "{server.create_without_password(monkeypatch)}"\n'
    (project / "neurova.toml").write_text(f'[project]\nname = "hotel"\n{where}')
    neurova(project, "db", "upgrade")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    words = ["keys", "create", "--consumer", "guests", "--env", "live", *scopes, "--json"]
    key = json.loads(neurova(project, *words))["key"]
    with serving(project, "run", "--workers", str(count)) as run:
        yield Hotel(port_of(run.event("ready")), key)
        assert run.end() == (0, "")


async def test_last_room_is_sold_once(hotel: Hotel) -> None:
    """Each round yields 201 once and 409 for 199 guests, with 1 or 4 workers, on both databases."""
    for number in range(ROUNDS):
        arrival = FIRST + timedelta(number)
        assert await hotel.rush(arrival) == {201: 1, 409: GUESTS - 1}
        booked = f"/bookings?arrival_from={arrival}&arrival_before={arrival + timedelta(1)}"
        assert len(hotel.get(booked)["bookings"]) == 1
        assert hotel.get(f"/availability?room_type={ROOM}&arrival={arrival}")["free"] == 0
