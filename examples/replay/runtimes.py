"""The platform under replay: its state, its keys, and `neurova run` with some workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from neurova_gateway.keys import issuer
from neurova_gateway.keys.factory import key_store_url, open_key_store

from .wire import ReplayError

PROJECT = Path(__file__).parents[2]
NEUROVA = str(Path(sys.executable).with_name("neurova"))
STOP_TIMEOUT = 60.0
"""Seconds to wait for the stop; `neurova run` gives calls in flight 30 seconds to finish."""
SCOPES = ("booking:read", "booking:write", "booking:rate")
LIMIT = "10000/second"
"""The limit of one consumer: high enough to refuse no call, but counted like any other limit."""


class Storage(NamedTuple):
    """The state folder, the file or URL of Booking's database, and the URL of the bus.

    An empty `bus` stands for the embedded bus.
    """

    state: Path
    database: str
    bus: str = ""


def create_keys(state: Path, consumers: Iterable[str]) -> dict[str, str]:
    """Create a live key with a high limit for each consumer; return the keys by consumer."""
    store = open_key_store(key_store_url(state))
    try:
        keys = {}
        for consumer in sorted(set(consumers)):
            issuer.limit_consumer(store, consumer, LIMIT)
            keys[consumer] = issuer.create(store, consumer, "live", SCOPES, name="replay").key
        return keys
    finally:
        store.close()


def create_reader(state: Path) -> str:
    """Create a live key that reads CRM's stays."""
    store = open_key_store(key_store_url(state))
    try:
        return issuer.create(store, "replay", "live", ("crm:read",), name="replay").key
    finally:
        store.close()


def upgrade(storage: Storage) -> None:
    """Create and migrate the databases."""
    argv = [NEUROVA, "db", "upgrade"]
    done = subprocess.run(  # noqa: S603 - our own command
        argv, cwd=PROJECT, env=_environment(storage), stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise ReplayError("the databases cannot be created: see above")


@contextmanager
def running(workers: int, storage: Storage) -> Iterator[list[int]]:
    """Run workers on the storage; let calls finish at the end.

    Yields the port once for each worker; the kernel distributes the connections.
    """
    argv = [NEUROVA, "run", "--host", "127.0.0.1", "--port", "0", "--json"]
    argv += ["--workers", str(workers)]
    env = _environment(storage)
    process = subprocess.Popen(argv, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    with process:
        try:
            yield [_wait_for_port(process)] * workers
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event.get("event") == "ready":
            return urlsplit(event["url"]).port or 80
    raise ReplayError("`neurova run` ended before it was ready: see above")


def _environment(storage: Storage) -> dict[str, str]:
    # Remove NEUROVA_ settings of the environment: they could name a database that is in use.
    env = {name: value for name, value in os.environ.items() if not name.startswith("NEUROVA_")}
    env["NEUROVA_PROJECT_STATE"] = str(storage.state)
    env["NEUROVA_ADMIN_PORT"] = "0"
    env["NEUROVA_SERVICES_BOOKING_DATABASE"] = storage.database
    env["NEUROVA_BUS_URL"] = storage.bus
    return env
