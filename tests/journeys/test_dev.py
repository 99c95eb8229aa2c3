"""`neurova dev` in a terminal, interrupted by Ctrl-C at any moment."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from neurova_platform import http_client
from neurova_platform.scaffold import scaffold

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving, until

pytestmark = pytest.mark.server

# A file that takes long to import.
LONG = """
from pathlib import Path
from time import sleep

Path("importing").touch()
sleep(600)
"""

# A file that catches every exception, like some libraries.
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

# An app that hangs in its startup.
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
    """Create a project like `neurova new project`."""
    scaffold.write(tmp_path / "demo", scaffold.plan_project("demo"))
    return tmp_path / "demo"


def test_shown_curl_command_works(project: Path) -> None:
    """The command works in another folder; `dev` shows the call, and Ctrl-C exits with 0."""
    dev = subprocess.Popen(
        [NEUROVA, "dev", "--port", "0"],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert dev.stdout is not None
        line = next(line for line in dev.stdout if line.startswith("Try: curl "))
        shown = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{line.removeprefix('Try: ')}"
        ran = subprocess.run(["sh", "-c", shown], cwd="/", capture_output=True, text=True)
        option, field, url = ran.stdout.splitlines()
        assert option == "-H"
        base, _, name = url.partition("/hello/")
        key = dict([field.split(": ", 1)])
        assert http_client.send(base, "GET", f"/hello/{name}", key, None).status == 200
        assert " 200 " in next(line for line in dev.stdout if " GET " in line)
        dev.send_signal(signal.SIGINT)
        assert (dev.communicate(timeout=PATIENCE)[1], dev.returncode) == ("", 0)
    finally:
        dev.kill()
        dev.communicate()


def get_hello(ready: dict[str, Any], key: str = "") -> int:
    """Return the status of a call, by default with `dev`'s key."""
    fields = {"X-API-Key": key or Path(ready["key_file"]).read_text().strip()}
    return http_client.send(ready["url"], "GET", "/hello/Ada", fields, None).status


def test_each_start_creates_a_key_and_revokes_the_previous(project: Path) -> None:
    keys: list[str] = []
    for _ in range(3):
        with serving(project, "dev") as dev:
            ready = dev.event("ready")
            file = Path(ready["key_file"])
            assert file.stat().st_mode & 0o777 == 0o600
            keys.append(file.read_text().strip())
            assert [get_hello(ready, key) for key in keys] == [401] * (len(keys) - 1) + [200]
            assert dev.end() == (0, "")
    assert len(set(keys)) == 3


def test_second_dev_is_refused(project: Path, tmp_path: Path) -> None:
    """Neither the port nor the project can be shared; the first one keeps its key and address."""
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
        assert get_hello(ready) == 200


LIBRARIES = ["msgspec/_core", "uvloop", "httptools", "_sqlite3"]  # in import order
FILES = ["", "keys.db", "limits.table", "dev.key", "address"]  # in order of creation


@pytest.mark.parametrize("moment", LIBRARIES + FILES)
def test_ctrl_c_before_readiness_exits_with_0(project: Path, moment: str) -> None:
    """The next start works with the files that are left."""
    with serving(project, "dev") as dev:
        maps = Path(f"/proc/{dev.process.pid}/maps")

        def has_come() -> bool:
            if moment in LIBRARIES:
                return moment in maps.read_text()
            return (project / ".neurova" / moment).exists()

        until(lambda: has_come() or dev.process.poll() is not None)
        assert dev.end() == (0, "")
    with serving(project, "dev") as again:
        assert get_hello(again.event("ready")) == 200


@pytest.mark.parametrize("file", [LONG, CATCHES_ALL, WAITS])
def test_ctrl_c_during_loading_exits_with_0(project: Path, file: str) -> None:
    slow = project / "functions" / "hello" / "slow.py"
    slow.write_text(file)
    with serving(project, "dev") as dev:
        until(lambda: (project / "importing").exists() or dev.process.poll() is not None)
        assert dev.end() == (0, "")
    assert (project / "cleaned up").exists() == (file is WAITS)
    slow.unlink()
    with serving(project, "dev") as again:
        again.event("ready")


def test_two_ctrl_c_at_once_exit_with_0(project: Path) -> None:
    with serving(project, "dev") as dev:
        dev.event("ready")
        dev.process.send_signal(signal.SIGINT)
        assert dev.end() == (0, "")
