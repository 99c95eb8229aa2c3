"""Compare messaging clients in interleaved rounds: client CPU per message."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tests.servers import postgres, rabbitmq

from . import peers
from .figure import Figure
from .report import format_table
from .rounds import SERVER_CORE
from .servers import pin_to_core, stop

Commands = tuple[tuple[str, int], ...]
"""The commands of one round with their numbers of messages; only the last command is measured."""


class Cost(NamedTuple):
    """The CPU time per message in µs, and messages per second."""

    cpu_us: float
    per_second: float


@dataclass(frozen=True)
class Client:
    """A client in bench/peers; `is_own`: it runs in our environment, not in a peer's."""

    name: str
    peer: str
    commands: Commands
    is_own: bool = False


class Process:
    """A running client process, which waits for commands."""

    def __init__(self, client: Client, url: str, database: str) -> None:
        interpreter = sys.executable if client.is_own else peers.python(client.peer)
        argv = pin_to_core((interpreter, "app.py", url, database), SERVER_CORE)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        self.process = subprocess.Popen(
            argv,
            cwd=peers.FOLDER / client.peer,
            env={"PYTHONPATH": str(peers.FOLDER), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._read()

    def run(self, commands: Commands) -> Cost:
        """Run the commands of a round; return the cost of the last command."""
        assert self.process.stdin is not None
        for verb, count in commands:
            self.process.stdin.write(f"{verb} {count}\n".encode())
            self.process.stdin.flush()
            answer = self._read()
        measured = json.loads(answer)
        return Cost(round(measured["cpu"] * 1e6, 2), round(1 / measured["seconds"], 1))

    def close(self) -> None:
        """End the process."""
        stop(self.process)
        self._log.close()

    def _read(self) -> bytes:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"a client ended: {self._log.read()[-4000:].decode()}")
        return line


Costs = Mapping[str, Sequence[Cost]]


def measure(
    clients: Sequence[Client], rounds: int, rabbit: str, databases: Mapping[str, str]
) -> Costs:
    """Measure the clients in turn, A, B, …, A, B, …, after one uncounted warm-up round."""
    with ExitStack() as stack:
        running = []
        for client in clients:
            process = Process(client, rabbit, databases.get(client.name, ""))
            stack.callback(process.close)
            running.append((client, process))
        costs: dict[str, list[Cost]] = {client.name: [] for client in clients}
        for number in range(rounds + 1):
            for client, process in running:
                cost = process.run(client.commands)
                if number:
                    costs[client.name].append(cost)
        return costs


def median_cpu(costs: Sequence[Cost]) -> float:
    """Return the median CPU time per message in µs."""
    return statistics.median(cost.cpu_us for cost in costs)


def ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    """Return the median, over all rounds, of our cost divided by their cost."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(our.cpu_us / other.cpu_us for our, other in pairs)


def show(figure: Figure, part: str, costs: Costs) -> None:
    """Print the costs as a table and record them."""
    rows = [
        (
            name,
            f"{median_cpu(each):.1f}",
            f"{statistics.median(cost.per_second for cost in each):,.0f}",
        )
        for name, each in costs.items()
    ]
    print(f"{figure.name}, {part}")
    print(format_table(("", "CPU µs/message", "messages/s"), rows))
    figure.parts[part] = {
        "cpu_us": {name: round(median_cpu(each), 2) for name, each in costs.items()},
        "rounds": {name: [cost._asdict() for cost in each] for name, each in costs.items()},
    }


@contextmanager
def rabbit_url() -> Iterator[str]:
    """Start RabbitMQ and yield its URL."""
    server = rabbitmq.create_server()
    try:
        server.start()
        yield server.url
    finally:
        server.clear()


@contextmanager
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """Start PostgreSQL."""
    server = postgres.create_server()
    try:
        server.start()
        yield server
    finally:
        server.clear()
