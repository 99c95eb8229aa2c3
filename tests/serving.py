"""The command line as a server process whose JSON events are read one by one."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NEUROVA = str(Path(sys.executable).parent / "neurova")
PATIENCE = 60.0  # seconds after which a test fails if an expected event is missing


def environment() -> dict[str, str]:
    """Return this environment without NEUROVA_ variables, and with bytecode caching on."""
    no_bytecode = "PYTHONDONTWRITEBYTECODE"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}
    clean = {name: value for name, value in clean.items() if name != no_bytecode}
    return {**clean, "NEUROVA_ADMIN_PORT": "0"}  # several may run at the same time


def neurova(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> str:
    """Run a command in a folder and return its output; `variables` extend its environment."""
    ran = subprocess.run(
        [NEUROVA, *words],
        cwd=folder,
        env=environment() | dict(variables or {}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


class Serving:
    """A `neurova dev --json` or `neurova run --json` on a free loopback port.

    `command` replaces the program; `variables` extend its environment.
    """

    def __init__(
        self,
        project: Path,
        *words: str,
        command: Sequence[str] = (NEUROVA,),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `close`
        self.process = subprocess.Popen(
            [*command, *words, "--json", "--port", "0"],
            cwd=project,
            env=environment() | dict(variables or {}),
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        # Read continuously: the platform would block on a full pipe.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def event(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind, and skip all events before it."""
        while True:
            found = self._events.get(timeout=PATIENCE)
            if found.get("event") == kind:
                return found
            if found.get("event") == "ended":
                code = self.process.wait(PATIENCE)
                raise AssertionError(f"ended with {code}, without {kind!r}: {self.stderr()}")

    def stderr(self) -> str:
        """Return the standard error output so far."""
        self.errors.seek(0)
        return self.errors.read()

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return the exit code and the standard error output."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        return code, self.stderr()

    def close(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._events.put(self.events[-1])
        self._events.put({"event": "ended"})


@contextmanager
def serving(project: Path, *words: str, **options: Any) -> Iterator[Serving]:
    """Serve a project until the block ends."""
    started = Serving(project, *words, **options)
    try:
        yield started
    finally:
        started.close()


def port_of(ready: dict[str, Any]) -> int:
    """Return the port in a ready event."""
    return int(ready["url"].rpartition(":")[2])


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true; fail after a minute."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "the condition stayed false"
        time.sleep(0.001)  # leave CPU time to the process under test
