"""The runtime that is replayed to: `neurova run`, with some workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .errors import ReplayError

PROJECT = Path(__file__).parents[2]
NEUROVA = str(Path(sys.executable).with_name("neurova"))
DRAIN = 60.0
"""Seconds it has to end: it lets calls finish for 30."""


class Ground(NamedTuple):
    """Say where the runtimes keep state: a folder, and Booking's database, a file or a URL."""

    state: Path
    database: str


def upgrade(ground: Ground) -> None:
    """Bring the databases up to date."""
    argv = [NEUROVA, "db", "upgrade"]
    done = subprocess.run(  # noqa: S603 - ours
        argv, cwd=PROJECT, env=_environment(ground), stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise ReplayError("the databases could not be made: see above")


@contextmanager
def running(count: int, ground: Ground) -> Iterator[list[int]]:
    """Run so many workers on the same state; at the end let them drain.

    Gives their port, once for each: they share it, and connections are spread over them.
    """
    argv = [NEUROVA, "run", "--host", "127.0.0.1", "--port", "0", "--json"]
    argv += ["--workers", str(count)]
    env = _environment(ground)
    process = subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    with process:
        try:
            yield [_port(process)] * count
        finally:
            process.terminate()
            try:
                process.wait(DRAIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """Wait until all workers are ready; return where."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("event") == "ready":
            return urlsplit(event["url"]).port or 80
    raise ReplayError("the runtime ended before it was ready: see above")


def _environment(ground: Ground) -> dict[str, str]:
    # Whatever the project or the shell say: nothing of this goes into a database in use.
    own = {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}
    own["NEUROVA_PROJECT_STATE"] = str(ground.state)
    own["NEUROVA_ADMIN_PORT"] = "0"  # several on one machine
    own["NEUROVA_SERVICES_BOOKING_DATABASE"] = ground.database
    return own
