"""Servers that are measured: started on a free loopback port, stopped by their pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import cpu

PATIENCE = 60.0
"""Seconds a server has to start, and to end when told to."""


@dataclass(frozen=True)
class Program:
    """State how a server starts: `{port}` in `argv` and `env` is the port it shall listen on."""

    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """One that runs: where it listens, and its process."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds it has used."""
        return cpu.seconds(self.pid)


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def pinned(argv: tuple[str, ...], core: int | None) -> list[str]:
    """Return `argv` so that it runs on that core alone; None: on any."""
    if core is None:
        return list(argv)
    if shutil.which("taskset") is None:
        raise SystemExit("taskset is missing: apt-get install util-linux")
    return ["taskset", "-c", str(core), *argv]


def listening(port: int) -> bool:
    """Tell whether somebody takes connections there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def launched(program: Program, core: int | None = None) -> Iterator[Server]:
    """Start a server, not waiting until it listens, and stop it at the end."""
    port = free_port()
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NEUROVA_", "OTEL_"))
    }
    env |= {name: value.format(port=port) for name, value in program.env.items()}
    argv = tuple(part.replace("{port}", str(port)) for part in program.argv)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            pinned(argv, core),
            cwd=program.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Server(port, process.pid)
        except Exception as error:
            output.seek(0)
            said = output.read()[-4000:].decode(errors="replace").strip()
            if said:
                error.add_note(f"{' '.join(argv)} said:\n{said}")
            raise
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and the processes it started, gently, then for good."""
    family = [stat.pid for stat in cpu.tree(process.pid)]
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()


def wait(server: Server) -> None:
    """Return when the server listens; raise RuntimeError when it ended, or takes too long."""
    limit = time.monotonic() + PATIENCE
    while not listening(server.port):
        if not alive(server.pid):
            raise RuntimeError("the server ended before it listened")
        if time.monotonic() > limit:
            raise RuntimeError(f"the server does not listen after {PATIENCE:.0f} s")
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Tell whether a process of ours still runs (one that ended waits for us as a zombie)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def running(program: Program, core: int | None = None) -> Iterator[Server]:
    """Start a server, give it once it listens, and stop it at the end."""
    with launched(program, core) as server:
        wait(server)
        yield server
