"""AWS Lambda: the CPU of a cold start, and what an event adds to a warm call.

A cold start is a new process that imports awslambdaric, the handler and this project (Booking and
CRM), and starts the platform on PostgreSQL and Redis, with compiled bytecode as in the image. The
warm call is `GET /rooms`, with a key, a limit and SQL, by the handler and by the gateway alone.
Goals: at most 700 ms of CPU a start, at most 1 ms of CPU more a call.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import redis

from . import messages
from .figure import Figure

ROOT = Path(__file__).parents[1]
CONTAINER = Path(__file__).with_name("lambda_container.py")
LIMITED = {"NEUROVA_GATEWAY_LIMIT": "1000000/second"}


def start(environment: Mapping[str, str], *arguments: str) -> list[list[float]]:
    """Run a container and return the numbers that it prints, by line."""
    command = [sys.executable, str(CONTAINER), *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith("{")]
    return [[float(word) for word in line.split()] for line in lines]


def prepare(environment: Mapping[str, str], keys: str) -> str:
    """Migrate the databases and return a new key."""
    from neurova_gateway.keys.factory import open_key_store
    from neurova_gateway.keys.issuer import create

    upgrade = [str(Path(sys.executable).with_name("neurova")), "db", "upgrade"]
    subprocess.run(upgrade, cwd=ROOT, env=environment, check=True, capture_output=True)
    store = open_key_store(keys)
    try:
        return create(store, "acme", "live", ["booking:read"]).key
    finally:
        store.close()


def main() -> None:
    """Measure and write the result."""
    figure = Figure("aws_lambda", __doc__)
    rounds = figure.duration.rounds
    with (
        tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder,
        messages.postgres_server() as server,
        contextmanager(redis.serve)() as limits,
    ):
        keys = server.create()
        environment = {
            **{name: value for name, value in os.environ.items() if name[:7] != "NEUROVA"},
            "NEUROVA_SERVICES_BOOKING_DATABASE": keys,
            "NEUROVA_SERVICES_CRM_DATABASE": server.create(),
            "NEUROVA_GATEWAY_KEYS": keys,
            "NEUROVA_GATEWAY_LIMITS": limits.url,
            "NEUROVA_BUS_URL": "amqp://127.0.0.1:1/",  # the measured call publishes nothing
            "NEUROVA_SCHEMAS_URL": "http://127.0.0.1:1",
            "PYTHONPYCACHEPREFIX": f"{folder}/bytecode",
            "TMPDIR": folder,
            **LIMITED,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        key = prepare(environment, keys)
        start(environment)  # compiles
        colds = [start(environment)[0][0] for _ in range(rounds)]
        figure.sample("cold start", colds, 700, "ms CPU")
        warm = start(environment, str(rounds), key)[2:]  # without the first round
        figure.record("call by an event", [each[0] for each in warm], "µs CPU")
        figure.record("call by the gateway", [each[1] for each in warm], "µs CPU")
        added = statistics.median(event - core for event, core in warm)
        figure.judge("added by an event", added / 1e3, 1, "ms CPU")
    figure.write()


if __name__ == "__main__":
    main()
