"""A Kubernetes-style rolling update of local processes fails no request and loses no event.

The client is a pool of idle connections to one address, like a gateway before a Service: it
cannot tell which process a connection leads to. New connections go to ready processes.
`make faults` runs the long form.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest
from tests.faults.test_events import project
from tests.servers.postgres import PostgresServer
from tests.serving import Serving, neurova, port_of, serving, until

from neurova_platform import http_client
from neurova_platform.serving import registry_api
from neurova_platform.settings.loading import load as load_settings

pytestmark = pytest.mark.server

__all__ = ["project"]  # a fixture

LONG = bool(os.environ.get("NEUROVA_TEST_LONG"))
REQUESTS, UPDATES, REPLICAS = (50_000, 6, 2) if LONG else (1_000, 1, 1)
CLIENTS = 16
DRAIN_DELAY = 1.5
IDLE = 0.5  # seconds; shorter than the drain delay, like Kong's in the rendered Deployment
HEALTH = "/.well-known/neurova/health"


class Service:
    """One address for several processes: `ready` are their ports, `idle` the pooled connections."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.sent = self.reused = 0
        self.sold: list[int] = []
        self.failed: list[str] = []
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._numbers = itertools.count(1)

    async def run_client(self, stopped: asyncio.Event, pause: float) -> None:
        """Send requests one after the other; every tenth is a sale."""
        while not stopped.is_set():
            self.sent += 1
            number = next(self._numbers)
            is_sale = number % 10 == 0
            path = f"POST /sell/{number}" if is_sale else f"GET {HEALTH}/none"
            try:
                status = await self._exchange(path)
                expected = b"204" if is_sale else b"404"
                if status != expected:
                    self.failed.append(f"{path}: {status.decode()}")
                elif is_sale:
                    self.sold.append(number)
            except (OSError, EOFError) as error:
                self.failed.append(f"{path}: {error!r}")
            if pause:
                await asyncio.sleep(random.uniform(0, pause))

    async def _exchange(self, path: str) -> bytes:
        reader, writer = await self._connect()
        writer.write(f"{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        if b"connection: close" in head:
            writer.close()
        else:
            self._idle.append((monotonic(), reader, writer))
        return head.split()[1]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()  # most recently used first, like nginx
            if monotonic() - since < IDLE and not reader.at_eof():
                self.reused += 1
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", random.choice(self.ready))

    def close(self) -> None:
        for _, _, writer in self._idle:
            writer.close()


@asynccontextmanager
async def load(service: Service) -> AsyncIterator[None]:
    """Send requests while the block runs; the concurrency varies continuously."""
    stopped = asyncio.Event()
    clients = [
        asyncio.create_task(service.run_client(stopped, 0.1 if number % 8 else 0.0))
        for number in range(CLIENTS)
    ]
    try:
        yield
    finally:
        stopped.set()
        await asyncio.gather(*clients)
        service.close()


class Cluster:
    """The Deployments of a project: a runtime with replicas, subscriptions and a relay."""

    def __init__(self, project: Path, variables: dict[str, str], stack: ExitStack) -> None:
        self.service = Service()
        self._project, self._variables, self._stack = project, variables, stack
        self._states = itertools.count()
        self._pods = {
            part: [self._start(part) for _ in range(count)]
            for part, count in (("runtime", REPLICAS), ("subscriptions", 1), ("relay", 1))
        }
        self.service.ready = [port_of(each.event("ready")) for each in self._pods["runtime"]]
        for part in ("subscriptions", "relay"):
            self._pods[part][0].event("ready")

    def update(self) -> None:
        """Replace every process; wait until the new one is ready before stopping the old one."""
        for number in range(REPLICAS):
            parts = [*self._pods] if number == 0 else ["runtime"]
            new = {part: self._start(part) for part in parts}
            old = {part: self._pods[part].pop(0) for part in parts}
            for part, pod in new.items():
                ready = pod.event("ready")
                self._pods[part].append(pod)
                if part == "runtime":
                    self.service.ready.append(port_of(ready))
            for pod in old.values():
                pod.process.send_signal(signal.SIGTERM)
            # Kubernetes updates endpoints late: the old process still gets new connections.
            port = self.service.ready[0]
            until(lambda port=port: status_of(port) == 503)  # type: ignore[misc]
            self.service.ready.remove(port)
            for pod in old.values():
                assert pod.process.wait(60) == 0, pod.stderr()

    def stop(self) -> None:
        for pod in itertools.chain(*self._pods.values()):
            assert pod.end(signal.SIGTERM)[0] == 0

    def _start(self, part: str) -> Serving:
        state = {"NEUROVA_PROJECT_STATE": str(self._project / f"state{next(self._states)}")}
        return self._stack.enter_context(
            serving(self._project, "run", part, variables=self._variables | state)
        )


def status_of(port: int) -> int:
    return http_client.send(f"http://127.0.0.1:{port}{HEALTH}", "GET", HEALTH, {}, None).status


async def test_rolling_update_fails_no_request_and_loses_no_event(
    project: Path, postgres: PostgresServer, rabbitmq_url: str
) -> None:
    shop, mail = postgres.create(), postgres.create()
    variables = {
        "NEUROVA_BUS_URL": rabbitmq_url,
        "NEUROVA_SERVICES_SHOP_DATABASE": shop,
        "NEUROVA_SERVICES_MAIL_DATABASE": mail,
        "NEUROVA_RUNTIME_DRAIN_DELAY": f"{DRAIN_DELAY}",
        "NEUROVA_ADMIN_ENABLED": "false",
    }
    for file in (project / "functions" / "mail").rglob("*.py"):  # let a repeated effect show
        file.write_text(file.read_text().replace(", primary_key=True", ""))
    neurova(project, "db", "upgrade", variables=variables)

    def numbers(table: str, url: str) -> list[int]:
        return sorted(row[0] for row in postgres.run(f"SELECT number FROM {table}", url))

    settings = load_settings(project)
    listener = registry_api.listen(settings)
    assert listener is not None
    async with AsyncExitStack() as outer:
        url = await outer.enter_async_context(registry_api.serve(settings, listener))
        variables["NEUROVA_SCHEMAS_URL"] = url
        stack = outer.enter_context(ExitStack())
        cluster = await asyncio.to_thread(Cluster, project, variables, stack)
        service = cluster.service
        async with load(service):
            updates = 0
            while updates < UPDATES or service.sent < REQUESTS:
                await asyncio.to_thread(cluster.update)
                updates += 1
        sold = numbers("sold", shop)
        await asyncio.to_thread(until, lambda: len(numbers("sent", mail)) >= len(sold))
        await asyncio.to_thread(cluster.stop)
    print(
        f"{updates} updates: {len(service.failed)} of {service.sent} requests failed "
        f"({service.reused} on reused connections); {len(sold)} events"
    )
    assert service.failed == []
    assert sorted(service.sold) == sold
    assert numbers("sent", mail) == sold
