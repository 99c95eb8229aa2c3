"""`neurova dev` as a developer meets it: at a terminal, with Ctrl-C at any moment."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from neurova_platform import http_client
from neurova_platform.scaffold import scaffold

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving, until

pytestmark = pytest.mark.server

# Stands in for curl where there is none: what our lines ask of it.
CURL = """#!{python}
import sys, urllib.error, urllib.request
words, fields, body, method, url = sys.argv[1:], {{}}, None, None, ""
while words:
    word = words.pop(0)
    if word == "-H":
        name, _, value = words.pop(0).partition(": ")
        fields[name] = value
    elif word == "-d":
        body = words.pop(0).encode()
    elif word == "-X":
        method = words.pop(0)
    elif word in ("-w", "-o"):
        words.pop(0)
    elif not word.startswith("-"):
        url = word
try:
    answer = urllib.request.urlopen(urllib.request.Request(url, body, fields, method=method))
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, end="")
"""

# A file whose import takes as long as the test wants.
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

# One that lets no exception out, as some libraries do with what they can do without.
STUBBORN = """
from pathlib import Path
from time import sleep

while True:
    try:
        Path("importing").touch()
        sleep(600)
    except BaseException:
        pass
"""

# An app that waits while it starts.
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
        Path("let go").touch()

app = mount("/app", Starlette(lifespan=lifespan), public=True)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Lay out what `neurova new project` does."""
    scaffold.write(tmp_path / "demo", scaffold.plan_project("demo"))
    return tmp_path / "demo"


@pytest.fixture
def path_with_curl(tmp_path: Path) -> str:
    """Return a PATH on which there is a curl."""
    path = environment()["PATH"]
    if shutil.which("curl", path=path) is None:
        stand_in = tmp_path / "bin" / "curl"
        stand_in.parent.mkdir()
        stand_in.write_text(CURL.format(python=sys.executable))
        stand_in.chmod(0o755)
        path = f"{stand_in.parent}:{path}"
    return path


class Terminal:
    """A `neurova dev` whose lines are read as they come."""

    def __init__(self, project: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [str(NEUROVA), "dev", *words],
            cwd=project,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._patience = threading.Timer(PATIENCE, self.process.kill)
        self._patience.start()

    def line(self, start: str) -> str:
        """Return the next line that starts so."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            if text.startswith(start):
                return text.rstrip("\n")
        raise AssertionError(f"ended without {start!r}: {self.process.communicate()[1]}")

    def ended(self) -> bool:
        """Tell whether the process has ended by itself."""
        return self.process.poll() is not None

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C, and return the exit code and what was said on standard error."""
        self.process.send_signal(signal.SIGINT)
        errors = self.process.communicate(timeout=PATIENCE)[1]
        return self.process.returncode, errors

    def close(self) -> None:
        self._patience.cancel()
        self.process.kill()
        self.process.communicate()


@contextmanager
def terminal(project: Path, *words: str) -> Iterator[Terminal]:
    started = Terminal(project, *words)
    try:
        yield started
    finally:
        started.close()


def test_the_printed_curl_line_answers_200(project: Path, path_with_curl: str) -> None:
    """Executed as it stands by sh, in another folder; the call is then shown, and Ctrl-C is 0."""
    with terminal(project, "--port", "0") as dev:
        line = dev.line("try: curl ").removeprefix("try: ")
        # Only what curl shows is changed: the status, not the body.
        asked = line.replace("curl ", "curl -s -o /dev/null -w '%{http_code}' ", 1)
        ran = subprocess.run(
            ["sh", "-c", asked],
            cwd="/",
            env={"PATH": path_with_curl},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert ran.stdout == "200", ran
        while " GET " not in (shown := dev.line("")):
            pass
        assert " 200 " in shown
        assert dev.interrupt() == (0, "")


def test_the_key_is_fresh_private_and_the_last_one_revoked(project: Path) -> None:
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


def test_a_second_dev_is_refused_and_told_why(project: Path, tmp_path: Path) -> None:
    """On the port, or on the project; the first one, its key and its address stay as they were."""
    with serving(project, "dev") as dev:
        ready = dev.event("ready")
        port = str(port_of(ready))
        other = tmp_path / "other"
        scaffold.write(other, scaffold.plan_project("other"))
        for folder, asked, fix in (
            (other, port, "--port"),
            (project, port, "stop it first"),
            (project, "0", "stop it first"),
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


# From the first library that is loaded to the first answer.
LIBRARIES = ["msgspec/_core", "uvloop", "httptools", "_sqlite3"]
FILES = ["", "keys.db", "limits.table", "dev.key", "address"]


def assert_ends_and_starts_again(project: Path, dev: Terminal) -> None:
    assert dev.interrupt() == (0, "")
    with serving(project, "dev") as again:
        ready = again.event("ready")
        key = Path(ready["key_file"]).read_text().strip()
        answer = http_client.send(ready["url"], "GET", "/hello/Ada", {"X-API-Key": key}, None)
        assert answer.status == 200


@pytest.mark.parametrize("library", LIBRARIES)
def test_ctrl_c_while_it_imports_ends_it_with_0(project: Path, library: str) -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("what a process has loaded is read from /proc")
    with terminal(project, "--port", "0") as dev:
        maps = Path(f"/proc/{dev.process.pid}/maps")
        until(lambda: library in maps.read_text() or dev.ended())
        assert_ends_and_starts_again(project, dev)


@pytest.mark.parametrize("file", FILES)
def test_ctrl_c_while_it_prepares_ends_it_with_0(project: Path, file: str) -> None:
    """As soon as a file of the state is there; it starts again on what was left."""
    with terminal(project, "--port", "0") as dev:
        until(lambda: (project / ".neurova" / file).exists() or dev.ended())
        assert_ends_and_starts_again(project, dev)


@pytest.mark.parametrize("file", [LONG, STUBBORN, WAITS])
def test_ctrl_c_while_a_file_of_the_project_is_loaded_ends_it_with_0(
    project: Path, file: str
) -> None:
    slow = project / "functions" / "hello" / "slow.py"
    slow.write_text(file)
    with terminal(project, "--port", "0") as dev:
        until(lambda: (project / "importing").exists() or dev.ended())
        assert dev.interrupt() == (0, "")
    assert (project / "let go").exists() == (file is WAITS)
    slow.unlink()
    with serving(project, "dev") as again:
        again.event("ready")


def test_ctrl_c_twice_at_once_ends_it_with_0(project: Path) -> None:
    with terminal(project, "--port", "0") as dev:
        dev.line("try: ")
        dev.process.send_signal(signal.SIGINT)
        assert dev.interrupt() == (0, "")
