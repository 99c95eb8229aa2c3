"""Streams of a real server end when the client disconnects and when the server stops."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest

from ..serving import serving, until

pytestmark = pytest.mark.server

CLOCK = '''
"""Count ticks."""

import asyncio
from collections.abc import AsyncIterator

from neurova import Log, get


@get("/ticks", public=True)
async def ticks(log: Log) -> AsyncIterator[dict[str, int]]:
    tick = 0
    try:
        while True:
            yield {"tick": tick}
            tick += 1
            await asyncio.sleep(0.01)
    finally:
        log.info("the generator has stopped")
'''
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "functions" / "clock").mkdir(parents=True)
    (tmp_path / "functions" / "clock" / "ticks.py").write_text(CLOCK)
    (tmp_path / "neurova.toml").write_text("[runtime]\ndrain = 2\n")
    return tmp_path


def logged(project: Path, name: str) -> str:
    files = sorted((project / ".neurova" / "logs").glob(f"{name}*"))
    return "".join(file.read_text() for file in files)


@pytest.mark.parametrize("words", [("run",), ("run", "--workers", "2")], ids=len)
def test_disconnect_stops_the_generator(project: Path, words: tuple[str, ...]) -> None:
    with serving(project, *words) as running:
        url = running.event("ready")["url"]
        with httpx.stream("GET", f"{url}/ticks", headers=EVENTS) as reply:
            lines = reply.iter_lines()
            first = [next(lines) for _ in range(4)]
        assert first == ['data: {"tick":0}', "", 'data: {"tick":1}', ""]
        until(lambda: '"status":499' in logged(project, "access"))
        assert running.end(signal.SIGTERM)[0] == 0
        assert "the generator has stopped" in logged(project, "")


@pytest.mark.parametrize("words", [("run",), ("run", "--workers", "2")], ids=len)
def test_stop_completes_events_and_cuts_lines(project: Path, words: tuple[str, ...]) -> None:
    with serving(project, *words) as running:
        url = running.event("ready")["url"]
        with (
            httpx.stream("GET", f"{url}/ticks", headers=EVENTS) as events,
            httpx.stream("GET", f"{url}/ticks") as records,
        ):
            events_read, records_read = events.iter_lines(), records.iter_lines()
            assert (next(events_read), json.loads(next(records_read))) == (
                'data: {"tick":0}',
                {"tick": 0},
            )
            running.process.send_signal(signal.SIGTERM)
            assert list(events_read)[-1] == ""
            with pytest.raises(httpx.RemoteProtocolError):
                list(records_read)
        assert running.end(signal.SIGTERM)[0] == 0


APP = """
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from neurova import mount

LOG = Path(__file__).parent / "log.txt"


@asynccontextmanager
async def lifespan(app):
    for word in ("start ", "stop "):
        with LOG.open("a") as file:
            file.write(word)
        if word == "start ":
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/things/{id}")
async def thing(id: int):
    return {"id": id}


old = mount("/old", app, public=True)
"""


def test_mounted_app_starts_and_stops_in_each_worker(project: Path) -> None:
    folder = project / "functions" / "old"
    folder.mkdir()
    (folder / "old.py").write_text(APP)
    with serving(project, "run", "--workers", "2") as running:
        url = running.event("ready")["url"]
        for number in range(20):
            assert httpx.get(f"{url}/old/things/{number}").json() == {"id": number}
        assert httpx.get(f"{url}/old/things/x").status_code == 422
        assert running.end(signal.SIGTERM)[0] == 0
    log = (folder / "log.txt").read_text().split()
    assert log.count("start") == log.count("stop") == 2
