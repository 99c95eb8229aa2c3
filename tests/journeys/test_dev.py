"""`neurova dev` at a terminal, with Ctrl-C at any moment."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurova_platform import http_client
from neurova_platform.scaffold import scaffold

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving, until

pytestmark = pytest.mark.server

# A file whose import takes long.
LONG = '''"""Import something large."""

from pathlib import Path
from time import sleep

from neurova import get

Path("importing").touch()
sleep(600)


@get("/long", public=True)
async def long() -> str:
    return "long"
'''

# A file that catches every exception, as some libraries do.
CATCHES_ALL = """
from pathlib import Path
from time import sleep

while True:
    try:
        Path("importing").touch()
        sleep(600)
    except BaseException:
        pass
"""

# An app that waits in its start.
WAITS = """
from asyncio import get_running_loop, sleep
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette

from neurova import mount

@asynccontextmanager
async def lifespan(app):
    get_running_loop().call_later(0.1, Path("importing").touch)
    try:
        await sleep(600)
        yield
    finally:
        Path("cleaned up").touch()

app = mount("/app", Starlette(lifespan=lifespan), public=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a project as `neurova new project` does."""
    scaffold.write(tmp_path / "demo", scaffold.plan_project("demo"))
    return tmp_path / "demo"


class Terminal:
    """A running `neurova dev`, read line by line."""

    def __init__(self, project: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [NEUROVA, "dev", *words],
            cwd=project,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._timer = threading.Timer(PATIENCE, self.process.kill)
        self._timer.start()

    def line(self, start: str) -> str:
        """Return the next line with this start."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            if text.startswith(start):
                return text.rstrip("\n")
        raise AssertionError(f"ended without {start!r}: {self.process.communicate()[1]}")

    def has_exited(self) -> bool:
        """Tell whether the process has exited."""
        return self.process.poll() is not None

    def interrupt(self) -> tuple[int, str]:
        """Send SIGINT; return the exit code and standard error."""
        self.process.send_signal(signal.SIGINT)
        errors = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, errors

    def close(self) -> None:
        self._timer.cancel()
        self.process.kill()
        self.process.communicate()


@contextmanager
def terminal(project: Path, *words: str) -> Iterator[Terminal]:
    started = Terminal(project, *words)
    try:
        yield started
    finally:
        started.close()


def test_shown_curl_command_works(project: Path) -> None:
    """sh expands it in another folder; `dev` shows the call, and Ctrl-C exits with 0."""
    with terminal(project, "--port", "0") as dev:
        line = dev.line("Try: curl ").removeprefix("Try: ")
        shown = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{line}"
        ran = subprocess.run(["sh", "-c", shown], cwd="/", capture_output=True, text=True)
        option, field, url = ran.stdout.splitlines()
        assert option == "-H"
        base, _, name = url.partition("/hello/")
        key = dict([field.split(": ", 1)])
        answer = http_client.send(base, "GET", f"/hello/{name}", key, None)
        assert answer.status == 200
        while " GET " not in (shown := dev.line("")):
            pass
        assert " 200 " in shown
        assert dev.interrupt() == (0, "")


def test_each_start_creates_a_key_and_revokes_the_previous(project: Path) -> None:
    keys: list[str] = []
    for _ in range(3):
        with serving(project, "dev") as dev:
            ready = dev.event("ready")
            file = Path(ready["key_file"])
            assert file.stat().st_mode & 0o777 == 0o600
            keys.append(file.read_text().strip())
            statuses = [
                http_client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None).status
                for key in keys
            ]
            assert statuses == [401] * (len(keys) - 1) + [200]
            assert dev.end() == (0, "")
    assert len(set(keys)) == 3


def test_second_dev_is_refused(project: Path, tmp_path: Path) -> None:
    """On the same port or project; the first one keeps its key and address."""
    with serving(project, "dev") as dev:
        ready = dev.event("ready")
        port = str(port_of(ready))
        other = tmp_path / "other"
        scaffold.write(other, scaffold.plan_project("other"))
        for folder, asked, fix in (
            (other, port, "--port"),
            (project, port, "another `neurova dev` runs"),
            (project, "0", "another `neurova dev` runs"),
        ):
            ran = subprocess.run(
                [NEUROVA, "dev", "--port", asked],
                cwd=folder,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert ran.returncode == 3
            assert ran.stdout == ""
            assert port in ran.stderr
            assert fix in ran.stderr
            assert "Traceback" not in ran.stderr
        assert (project / ".neurova" / "address").read_text().strip() == ready["url"]
        key = Path(ready["key_file"]).read_text().strip()
        answer = http_client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None)
        assert answer.status == 200


# From the first loaded library to readiness.
LIBRARIES = ["msgspec/_core", "uvloop", "httptools", "_sqlite3"]
FILES = ["", "keys.db", "limits.table", "dev.key", "address"]


def assert_exits_and_starts_again(project: Path, dev: Terminal) -> None:
    assert dev.interrupt() == (0, "")
    with serving(project, "dev") as again:
        ready = again.event("ready")
        key = Path(ready["key_file"]).read_text().strip()
        answer = http_client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None)
        assert answer.status == 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_ctrl_c_during_imports_exits_with_0(project: Path, library: str) -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("needs /proc")
    with terminal(project, "--port", "0") as dev:
        maps = Path(f"/proc/{dev.process.pid}/maps")
        until(lambda: library in maps.read_text() or dev.has_exited())
        assert_exits_and_starts_again(project, dev)


@pytest.mark.parametrize("file", FILES)
def test_ctrl_c_during_preparation_exits_with_0(project: Path, file: str) -> None:
    """Sent once a file of the state exists; the next start uses what is left."""
    with terminal(project, "--port", "0") as dev:
        until(lambda: (project / ".neurova" / file).exists() or dev.has_exited())
        assert_exits_and_starts_again(project, dev)


@pytest.mark.parametrize("file", [LONG, CATCHES_ALL, WAITS])
def test_ctrl_c_during_loading_exits_with_0(project: Path, file: str) -> None:
    slow = project / "functions" / "hello" / "slow.py"
    slow.write_text(file)
    with terminal(project, "--port", "0") as dev:
        until(lambda: (project / "importing").exists() or dev.has_exited())
        assert dev.interrupt() == (0, "")
    assert (project / "cleaned up").exists() == (file is WAITS)
    slow.unlink()
    with serving(project, "dev") as again:
        again.event("ready")


def test_two_ctrl_c_at_once_exit_with_0(project: Path) -> None:
    with terminal(project, "--port", "0") as dev:
        dev.line("Try: ")
        dev.process.send_signal(signal.SIGINT)
        assert dev.interrupt() == (0, "")
