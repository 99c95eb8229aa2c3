"""`neurova dev` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.serving import NEUROVA, environment, until

from neurova_gateway.pipeline.call_records import CallRecord
from neurova_platform import http_client
from neurova_platform.cli.commands.dev import Session, format_call

pytestmark = pytest.mark.server

HELLO = "functions/hello/hello.py"
SLOW = '''"""Wait for a file."""

import asyncio
from pathlib import Path

from neurova import get


@get("/slow", public=True)
async def slow() -> str:
    Path("begun").touch()
    while not Path("go").exists():
        await asyncio.sleep(0)
    return "done"
'''

LOADED = '''"""List imported packages."""

import sys

from neurova import get


@get("/loaded", public=True)
async def loaded() -> list[str]:
    return sorted({"alembic", "asyncpg", "fastavro", "sqlalchemy"} & set(sys.modules))
'''

MOUNTED = '''"""An app that logs when it starts and stops."""

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

from neurova import mount
from starlette.applications import Starlette

WORD = "one"


def note(what):
    with open("log", "a") as file:
        file.write(f"{WORD}-{what} ")


@asynccontextmanager
async def lifespan(app):
    note("start")
    yield
    note("stopping")
    await asyncio.sleep(1)
    note("stop")


if WORD == "two":
    Path("importing").touch()
    while "one-stopping" not in Path("log").read_text():
        time.sleep(0.01)

old = mount("/old", Starlette(lifespan=lifespan), public=True)
'''


def get(url: str, path: str, key_file: str) -> http_client.Answer:
    """Make a call with the key from a file."""
    key = Path(key_file).read_text().strip()
    return http_client.send(url, "GET", path, {"X-API-Key": key}, None)


def test_session_from_start_to_end(
    serving: Callable[..., Any], project: Path, cli: Callable[..., Any]
) -> None:
    """The first call with the new key succeeds and is shown; Ctrl-C exits with 0."""
    dev = serving("dev")
    ready = dev.event("ready")
    key_file = project / ".neurova" / "dev.key"
    assert ready["key_file"] == str(key_file)
    assert ready["page"] == ready["url"] + "/docs"
    assert key_file.stat().st_mode & 0o777 == 0o600
    called = cli("call", "GET", "/hello/Ada")
    assert (called.exit_code, json.loads(called.stdout)) == (0, {"text": "Hello, Ada!"})
    assert "limit route" in called.stderr
    shown = dev.event("call")
    assert (shown["method"], shown["path"], shown["status"]) == ("GET", "/hello/Ada", 200)
    assert shown["consumer"] == "dev"
    assert len(shown["trace_id"]) == 32
    assert dev.end() == (0, "")
    assert not (project / ".neurova" / "address").exists()


@pytest.mark.parametrize("command", ["dev", "run"])
def test_plain_project_imports_no_database_or_event_library(
    serving: Callable[..., Any], project: Path, command: str
) -> None:
    """Importing SQLAlchemy alone adds 0.12 s of CPU time to the start."""
    (project / "functions" / "hello" / "loaded.py").write_text(LOADED)
    url = serving(command).event("ready")["url"]
    assert json.loads(http_client.send(url, "GET", "/loaded", {}, None).body) == []


def test_ctrl_c_finishes_calls_in_flight(serving: Callable[..., Any], project: Path) -> None:
    (project / "functions" / "hello" / "slow.py").write_text(SLOW)
    dev = serving("dev")
    url = dev.event("ready")["url"]
    answers: list[http_client.Answer] = []
    caller = threading.Thread(
        target=lambda: answers.append(http_client.send(url, "GET", "/slow", {}, None))
    )
    caller.start()
    until(Path("begun").exists)
    dev.process.send_signal(signal.SIGINT)
    Path("go").touch()
    caller.join()
    assert answers[0].body == b"done"
    assert dev.process.wait(60) == 0


def test_reload_during_shutdown_leaks_no_app(serving: Callable[..., Any], project: Path) -> None:
    file = project / "functions" / "hello" / "old.py"
    file.write_text(MOUNTED)
    dev = serving("dev")
    dev.event("ready")
    file.write_text(MOUNTED.replace('WORD = "one"', 'WORD = "two"'))
    until(Path("importing").exists)
    assert dev.end()[0] == 0
    log = Path("log").read_text().split()
    assert "one-stop" in log
    assert log.count("two-start") == log.count("two-stop")


def test_closed_output_loses_no_access_record(project: Path) -> None:
    read, write = os.pipe()
    words = [NEUROVA, "dev", "--json", "--port", "0"]
    with subprocess.Popen(words, cwd=project, env=environment(), stdout=write) as dev:
        os.close(write)
        received = b""
        while b'"ready"' not in received:
            received += os.read(read, 4096)
        os.close(read)
        ready = json.loads(received.splitlines()[-1])
        log = project / ".neurova" / "logs" / "access.jsonl"
        for name in ("Ada", "Bob", "Cyd"):  # each is written before the next call
            get(ready["url"], f"/hello/{name}", ready["key_file"])
            until(lambda name=name: log.exists() and name in log.read_text())
        dev.send_signal(signal.SIGTERM)
        assert dev.wait(60) == 0


def test_path_cannot_control_the_terminal() -> None:
    record = CallRecord(0.0, "GET", "/\x1b[2J\r", 200, 1.0, 0, "", "acme", "", "", "0" * 32)
    assert "/?[2J? 200" in format_call(record)


def test_failed_reload_says_what_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session(False)
    settings = SimpleNamespace(site=SimpleNamespace(folder="web"))
    session._platform = SimpleNamespace(services={"hello": None}, settings=settings)  # type: ignore[assignment]
    for service in ("hello", "shop"):
        session.show_reload(service, ValueError("why"), 0.1)
    assert capsys.readouterr().out.splitlines() == [
        "Reload of hello failed, still serving the previous version: why",
        "Reload of shop failed, it is not served yet: why",
    ]
