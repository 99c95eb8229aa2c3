"""The composition root: everything is chosen, put together, started and stopped here."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Literal

from neurova.database.base import Database
from neurova.database.postgres.url import PostgresUrl
from neurova.endpoints.endpoint import endpoint
from neurova.endpoints.function import Function
from neurova.errors import Unavailable
from neurova.execution.concurrency_limit import ConcurrencyLimit
from neurova.execution.thread_pool import POOL
from neurova.functions.loader import load_service
from neurova.functions.routes import check_routes
from neurova.functions.service import Service, discover
from neurova.idempotency.sweep import keep_swept
from neurova.overload.queue_delay import Pressure
from neurova.resources import Resources
from neurova.settings.settings import Settings
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.factory import key_store_url, open_key_store
from neurova_gateway.kong.render import render
from neurova_gateway.limits.factory import limiter_url, open_limiter
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.pipeline.access_log import AccessLog
from neurova_gateway.pipeline.call_records import CallRecords, CallSink
from neurova_gateway.pipeline.gateway import Gateway
from neurova_gateway.pipeline.identity import Identity, load_key
from neurova_gateway.plugins.host import PluginHost
from neurova_gateway.plugins.stores import Stores
from neurova_gateway.server.asgi import GatewayApp
from neurova_gateway.server.connection_manager import ConnectionManager

from .. import assets
from ..openapi.service import platform_functions
from . import state
from .state import COUNTERS

Environment = Literal["live", "test"]
SAMPLING = 0.5  # seconds between two times that a process notes how it stands
KEEPING = 5.0  # seconds between two times that the use of keys is written down


class Platform:
    """Serve the functions of a project; two doors lead in: `edge.protocol` and `asgi`.

    `environment` says whose keys are taken. `migrate` brings databases up to date at the start,
    otherwise one that is behind is a StateError. `sinks` receive call records too.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Environment,
        migrate: bool = False,
        sinks: Sequence[CallSink] = (),
        given: Stores | None = None,
    ) -> None:
        self.settings = settings
        self.environment = environment
        self.services: dict[str, Service] = {}
        self._migrate = migrate
        self._given = given
        self._databases: dict[str, Database] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self.backends: Stores | None = None
        self.admin = ""  # where the Admin API answers, once it does
        self._counters = CallCounters(settings.state / COUNTERS)
        access_log = AccessLog(settings.state / "logs" / "access.jsonl")
        self.call_records = CallRecords([access_log, self._counters, *sinks])
        self.host = PluginHost(
            assets.plugins_folder(settings.gateway.plugins),
            deadline=settings.gateway.phase_deadline,
        )
        identity = self._identity() if settings.gateway.behind else None
        delay = settings.runtime.delay
        self.gateway = Gateway(settings.gateway, self.host, self.call_records, identity, delay)
        self.connection_manager = ConnectionManager(self.gateway)
        self.asgi = GatewayApp(self.gateway, self.start, self.stop)

    def functions(self) -> Iterator[Function]:
        """Yield the project's functions that are served; the platform's own are not among them."""
        for name in sorted(self.services):
            yield from self.services[name].functions

    @property
    def slot(self) -> int:
        """Return the number that no other living process on the state folder has; -1: not yet."""
        return self._counters.slot

    def databases(self) -> Iterator[Database]:
        """Yield the databases that there are; none is made for it."""
        for name in sorted(self.services):
            if state.made(self.settings, name):
                yield self._database(name)

    async def start(self) -> None:
        """Open state, load the functions, begin; what was begun is undone when a step fails."""
        try:
            state.prepare(self.settings.state)
            POOL.pressure = Pressure(self.settings.runtime.delay)
            self._open_backends()
            self._count()
            self._stack.push_async_callback(self._close_databases)
            self.load()
            self._stack.push_async_callback(self._stop_services)
            for service in self.services.values():
                await service.start()
            sweeper = asyncio.create_task(keep_swept(self.databases))
            self._stack.callback(sweeper.cancel)
            self.host.start()
            self._stack.callback(self.host.stop)
            self.call_records.start()
            self._stack.callback(self.call_records.stop)
            self.connection_manager.start()
            self._stack.callback(self.connection_manager.stop)
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """End what was begun, in reverse."""
        await self._stack.aclose()

    def load(self) -> None:
        """Load every service and serve them."""
        names = discover(self.settings.functions)
        self.serve({name: self.load_service(name) for name in names})

    def load_service(self, name: str) -> Service:
        """Import a fresh generation of one service; it is not served yet."""
        if self._migrate:
            state.migrate(self.settings, name)
        else:
            state.require_migrated(self.settings, name)
        return load_service(
            self.settings.functions, name, Resources(database=lambda: self._database(name))
        )

    def serve(self, services: dict[str, Service]) -> None:
        """Serve these services, all or, when two of their routes are one, none."""
        functions = [function for service in services.values() for function in service.functions]
        check_routes(functions)
        with _uncollected():
            self._use([*functions, *platform_functions(functions, self.settings, self.environment)])
        self.services = services

    def retire(self, service: Service) -> None:
        """Stop the apps of a service that is not served any more, once their calls have ended."""
        task = asyncio.create_task(service.stop())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _stop_services(self) -> None:
        for service in self.services.values():
            self.retire(service)
        if self._retiring:
            await asyncio.wait(self._retiring)

    def _use(self, functions: list[Function]) -> None:
        config = render(
            functions,
            self.settings.gateway,
            environment=self.environment,
            state=self.settings.state,
        )
        self.gateway.load(config, {function.name: endpoint(function) for function in functions})

    def _open_backends(self) -> None:
        if self.settings.gateway.behind:
            return  # keys and limits are Kong's plugins' there
        folder = self.settings.state
        opened = self._given
        if opened is None:
            store = open_key_store(key_store_url(folder, self.settings.gateway.keys))
            self._stack.callback(store.close)
            table = open_limiter(limiter_url(folder))
            self._stack.callback(table.close)
            opened = Stores(KeyCache(store), table)
        self.backends = opened
        self.host.bind_stores(opened)
        keeper = asyncio.create_task(_keep(opened.keys))
        self._stack.callback(keeper.cancel)

    def _count(self) -> None:
        """Count from now on; last of all, what the end of the access log brings."""
        self._counters.open()
        self._stack.callback(self._counters.close)
        sampler = asyncio.create_task(self._sampled())
        self._stack.callback(sampler.cancel)

    async def _sampled(self) -> None:
        """Note how this process stands, as long as its loop turns."""
        while True:
            self._counters.sample(
                in_flight=self.connection_manager.in_flight,
                connections=len(self.connection_manager.connections),
                dropped=self.call_records.dropped,
                shed=self.gateway.admission.refused + POOL.refused + ConcurrencyLimit.refused,
                faults=self.host.faults,
            )
            await asyncio.sleep(SAMPLING)

    def _database(self, service: str) -> Database:
        found = self._databases.get(service)
        if found is None:
            clock = time.time if self._given is None else self._given.clock
            found = self._databases[service] = _opened(self.settings, service, clock)
        return found

    async def _close_databases(self) -> None:
        for database in self._databases.values():
            await database.close()
        self._databases.clear()

    def _identity(self) -> Identity:
        key = load_key(state.prepare(self.settings.state) / "identity.key")
        return Identity(key, self.environment)


def _opened(settings: Settings, service: str, clock: Callable[[], float]) -> Database:
    place = settings.database(service)
    if isinstance(place, PostgresUrl):
        from neurova.database.postgres.database import PostgresDatabase

        connections = settings.services[service].connections
        return PostgresDatabase(place, connections, f"neurova {service}", clock)
    from neurova.database.sqlite.database import SqliteDatabase

    return SqliteDatabase(place, clock)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking all the while some 10,000 lasting objects are made.

    It would take half of the time, on the event loop, and find nothing.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


async def _keep(keys: KeyCache) -> None:
    """Write down every few seconds which keys were used."""
    while True:
        await asyncio.sleep(KEEPING)
        with suppress(Unavailable):  # it is told again at the next round
            await asyncio.to_thread(keys.flush)
