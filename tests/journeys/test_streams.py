"""A stream through a server of its own: read event by event, left, and ended by a stop."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest

from ..serving import serving, until

pytestmark = pytest.mark.server

CLOCK = '''
"""Tell the time."""

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
        log.info("the clock has stopped")
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


def test_a_client_that_leaves_stops_the_clock(project: Path) -> None:
    with serving(project, "run") as running:
        url = running.event("ready")["url"]
        with httpx.stream("GET", f"{url}/ticks", headers=EVENTS) as reply:
            lines = reply.iter_lines()
            first = [next(lines) for _ in range(4)]
        assert first == ['data: {"tick":0}', "", 'data: {"tick":1}', ""]
        until(lambda: '"status":499' in logged(project, "access"))
        assert running.end(signal.SIGTERM)[0] == 0
        assert "the clock has stopped" in logged(project, "")


def test_a_stop_ends_events_whole_and_cuts_lines(project: Path) -> None:
    with serving(project, "run") as running:
        url = running.event("ready")["url"]
        with (
            httpx.stream("GET", f"{url}/ticks", headers=EVENTS) as events,
            httpx.stream("GET", f"{url}/ticks") as records,
        ):
            heard, read = events.iter_lines(), records.iter_lines()
            assert (next(heard), json.loads(next(read))) == ('data: {"tick":0}', {"tick": 0})
            running.process.send_signal(signal.SIGTERM)
            assert list(heard)[-1] == ""
            with pytest.raises(httpx.RemoteProtocolError):
                list(read)
        assert running.end(signal.SIGTERM)[0] == 0
