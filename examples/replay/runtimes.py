"""The runtimes that are replayed to: `neurova run`, several on one state folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ReplayError

PROJECT = Path(__file__).parents[2]
NEUROVA = str(Path(sys.executable).with_name("neurova"))
DRAIN = 60.0
"""Seconds a runtime has to end: it lets calls finish for 30."""


def upgrade(state: Path) -> None:
    """Bring the databases in a state folder up to date."""
    argv = [NEUROVA, "db", "upgrade"]
    done = subprocess.run(  # noqa: S603 - ours
        argv, cwd=PROJECT, env=_environment(state), stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise ReplayError("the databases could not be made: see above")


@contextmanager
def running(count: int, state: Path) -> Iterator[list[int]]:
    """Run so many runtimes on a state folder, give their ports; at the end let them drain."""
    with ExitStack() as stack:
        started = [stack.enter_context(_runtime(state)) for _ in range(count)]
        yield [_port(process) for process in started]


@contextmanager
def _runtime(state: Path) -> Iterator[subprocess.Popen[str]]:
    argv = [NEUROVA, "run", "--host", "127.0.0.1", "--port", "0", "--json"]
    env = _environment(state)
    process = subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(DRAIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """Wait until a runtime is ready; return where."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ReplayError("a runtime ended before it was ready: see above")
    return urlsplit(json.loads(line)["url"]).port or 80


def _environment(state: Path) -> dict[str, str]:
    # Whatever the project or the shell say: nothing of this goes into a database in use.
    own = {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}
    own["NEUROVA_PROJECT_STATE"] = str(state)
    own["NEUROVA_ADMIN_PORT"] = "0"  # several on one machine
    own["NEUROVA_SERVICES_BOOKING_DATABASE"] = str(state / "booking.db")
    return own
