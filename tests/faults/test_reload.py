"""Saving files under load fails no call, and no call runs half of a change."""

from __future__ import annotations

import http.client
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from neurova.errors import LoadError
from neurova_platform.dev.reload import reload
from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe
from ..serving import PATIENCE, Serving, port_of, serving, until

pytestmark = pytest.mark.server

RELOADS = 100 if os.environ.get("NEUROVA_TEST_LONG") else 20
CLIENTS = 4
ROUTES = ("/waits", "/threaded")

DOMAIN = '''"""One of two files that must agree."""

VERSION = {version}


def price() -> int:
    return {version}
'''

# Loading between the two saves fails, and the previous version continues to serve.
WAITS = '''"""Return the versions that this call sees before and after it waits."""

import asyncio

from neurova import get

from .domain import VERSION, price

OWN = {version}
if VERSION != OWN:
    raise RuntimeError("one of two files is saved")


@get("/waits", public=True)
async def waits() -> list[int]:
    before = [VERSION, OWN, price()]
    await asyncio.sleep(0.002)
    from . import domain

    return [*before, domain.VERSION, domain.price(), OWN]
'''

THREADED = '''"""The same in a thread."""

import time

from neurova import get

from .domain import VERSION, price
from .waits import OWN


@get("/threaded", public=True)
def threaded() -> list[int]:
    before = [VERSION, OWN, price()]
    time.sleep(0.002)
    from . import domain, waits

    return [*before, domain.VERSION, waits.OWN]
'''


class Client:
    """Call one route repeatedly on one connection until stopped."""

    def __init__(self, port: int, path: str, stop: threading.Event) -> None:
        self.calls = 0
        self.faults: list[str] = []
        self.seen: set[int] = set()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._path = path
        self._stop = stop
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        newest = 0
        while not self._stop.is_set() and len(self.faults) < 10:
            self.calls += 1
            try:
                status, body = ask(self._connection, self._path)
            except Exception as error:
                self.faults.append(repr(error))
                break
            if status != 200:
                self.faults.append(f"{status}: {body!r}")
                continue
            versions = set(body)
            if len(versions) != 1 or min(versions) < newest:
                self.faults.append(f"{body} after {newest}")
            newest = max(newest, *versions)
            self.seen |= versions
        self._connection.close()


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[int, Any]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


@contextmanager
def load(port: int) -> Iterator[list[Client]]:
    """Call both routes from several clients while the block runs."""
    stop = threading.Event()
    clients = [Client(port, ROUTES[number % 2], stop) for number in range(CLIENTS)]
    try:
        yield clients
    finally:
        stop.set()
        for client in clients:
            client.thread.join()


class Edited:
    """A served project with two files that must have the same version."""

    def __init__(self, project: Path, served: Serving, port: int) -> None:
        self.folder = project / "functions" / "probe"
        self.served = served
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def save(self, version: int, *, aside: bool = False) -> None:
        """Save both files like an editor: in place, or by renaming a temporary file."""
        for name, text in (("domain.py", DOMAIN), ("waits.py", WAITS)):
            file = self.folder / (f"{name}.tmp" if aside else name)
            file.write_text(text.format(version=version))
            file.replace(self.folder / name)

    def is_live(self, version: int) -> bool:
        """Return whether a version is served."""
        return ask(self._connection, "/waits") == (200, [version] * 6)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Edited]:
    project = copy_probe(tmp_path / "project")
    folder = project / "functions" / "probe"
    for file in folder.glob("*.py"):
        file.unlink()
    (folder / "domain.py").write_text(DOMAIN.format(version=1))
    (folder / "waits.py").write_text(WAITS.format(version=1))
    (folder / "threaded.py").write_text(THREADED)
    with serving(project, "dev") as served:
        found = Edited(project, served, port_of(served.event("ready")))
        yield found
        found.close()


def assert_none_failed(clients: list[Client], least: int) -> None:
    assert [fault for client in clients for fault in client.faults] == []
    assert min(client.calls for client in clients) >= least


def until_all_continue(clients: list[Client]) -> None:
    calls = [client.calls for client in clients]
    until(lambda: all(c.calls > n + 10 for c, n in zip(clients, calls, strict=True)))


def test_reloads_under_load_fail_or_mix_no_call(edited: Edited) -> None:
    """Reload many times a second while several clients call; all files have the same size."""
    with load(edited.port) as clients:
        for version in range(2, RELOADS + 2):
            edited.save(version, aside=version % 3 == 0)
            until(lambda version=version: edited.is_live(version))  # type: ignore[misc]
        until(lambda: RELOADS + 1 in clients[0].seen | clients[1].seen)
    assert_none_failed(clients, RELOADS)
    errors = [event["error"] for event in edited.served.events if event["event"] == "reload"]
    assert errors.count(None) >= RELOADS
    assert all(error is None or "one of two files is saved" in error for error in errors)


MISTAKES = [
    ("waits.py", "x = (\n", "probe/waits.py:LINE: .*SyntaxError"),
    ("waits.py", "x = 1 / 0\n", "probe/waits.py:LINE: .*ZeroDivisionError"),
    ("domain.py", "raise SystemExit\n", "probe/domain.py:LINE: .*ends the process"),
    ("waits.py", "raise KeyboardInterrupt\n", "probe: the import .* raised KeyboardInterrupt"),
]


@pytest.mark.parametrize(("name", "text", "error"), MISTAKES)
def test_error_in_a_file_keeps_the_previous_version(
    edited: Edited, name: str, text: str, error: str
) -> None:
    """The error names file and line; no call fails; the fixed file is served."""
    file = edited.folder / name
    sound = file.read_text()
    with load(edited.port) as clients:
        until_all_continue(clients)
        file.write_text(sound + text)
        event = edited.served.event("reload")
        until_all_continue(clients)
        edited.save(2)
        until(lambda: edited.is_live(2))
    assert_none_failed(clients, 20)
    assert re.search(error.replace("LINE", str(len(sound.splitlines()) + 1)), event["error"])


ENDLESS = '''"""Import forever."""

from pathlib import Path
from time import sleep

Path("importing").touch()
while True:
    sleep(0.01)
'''


def test_endless_import_blocks_neither_calls_nor_shutdown(edited: Edited) -> None:
    with load(edited.port) as clients:
        (edited.folder / "endless.py").write_text(ENDLESS)
        until((edited.folder.parents[1] / "importing").exists)
        until_all_continue(clients)
    assert_none_failed(clients, 10)
    assert edited.served.end() == (0, "")


def test_endless_import_times_out(probe: TestPlatform) -> None:
    """The next save triggers another reload."""
    file = probe.settings.functions / "probe" / "endless.py"
    go = file.with_name("go")
    file.write_text(f"""from pathlib import Path
while not Path({str(go)!r}).exists():
    pass
""")
    with pytest.raises(LoadError, match=r"^functions/probe: .*not finished after 0\.1 s"):
        probe.run(reload(probe.platform, "probe", 0.1))
    assert probe.get("/count").status == 200
    go.touch()
    probe.run(reload(probe.platform, "probe"))
    assert probe.get("/count").status == 200
