"""Start and stop the measured servers, each on a free loopback port."""

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

TIMEOUT = 60.0
"""The maximum number of seconds that a server may take to start, and to stop."""


@dataclass(frozen=True)
class Program:
    """The command of a server; `{port}` in `argv` and `env` is replaced by its port."""

    argv: tuple[str, ...]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A running server: its port and its process."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds that it has used."""
        return cpu.cpu_seconds(self.pid)


def free_port() -> int:
    """Return a free loopback port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def pin_to_core(argv: tuple[str, ...], core: int | None) -> list[str]:
    """Return `argv` pinned to a core; None: not pinned."""
    if core is None:
        return list(argv)
    if shutil.which("taskset") is None:
        raise SystemExit("taskset is missing: apt-get install util-linux")
    return ["taskset", "-c", str(core), *argv]


def is_listening(port: int) -> bool:
    """Return whether a server accepts connections on the port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def started(program: Program, core: int | None = None) -> Iterator[Server]:
    """Start a server, do not wait until it listens, and stop it at the end."""
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
            pin_to_core(argv, core),
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
            text = output.read()[-4000:].decode(errors="replace").strip()
            if text:
                error.add_note(f"{' '.join(argv)} wrote:\n{text}")
            raise
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server and its processes: SIGTERM, then SIGKILL."""
    pids = [stat.pid for stat in cpu.process_tree(process.pid)]
    process.terminate()
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()


def wait_until_listening(server: Server) -> None:
    """Wait until the server listens. Raises RuntimeError if it exits or takes too long."""
    limit = time.monotonic() + TIMEOUT
    while not is_listening(server.port):
        if not is_alive(server.pid):
            raise RuntimeError("the server ended before it listened")
        if time.monotonic() > limit:
            raise RuntimeError(f"the server does not listen after {TIMEOUT:.0f} s")
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Return whether a child process runs; an ended child is a zombie until it is waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def running(program: Program, core: int | None = None) -> Iterator[Server]:
    """Start a server, wait until it listens, and stop it at the end."""
    with started(program, core) as server:
        wait_until_listening(server)
        yield server
