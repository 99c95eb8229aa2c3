"""The composition root: create all parts of the platform, start and stop them in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Literal

from neurova.database.base import Database
from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction
from neurova.endpoints.reply_headers import with_reply_headers
from neurova.errors import Unavailable
from neurova.execution.context import ExecutionContext
from neurova.idempotency.sweep import sweep_periodically
from neurova.loading.routes import check_routes
from neurova.loading.service import Service, discover
from neurova.settings.settings import Settings
from neurova.subscriptions.records import EventRecord, ReportEvent
from neurova.telemetry.log import STANDARD_LOGGING, LogSink
from neurova_gateway.identity.signing_keys import read_from_secret
from neurova_gateway.keys.base import KeyStore
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.kong.render import render
from neurova_gateway.metrics.call_counters import CallCounters
from neurova_gateway.metrics.key_usage import UsageCounter
from neurova_gateway.metrics.process_counters import ProcessCounters
from neurova_gateway.pipeline.access_log import AccessLog
from neurova_gateway.pipeline.call_records import CallRecords, CallSink
from neurova_gateway.pipeline.gateway import Gateway
from neurova_gateway.pipeline.identity import Identity, load_key
from neurova_gateway.pipeline.route_entry import Handler
from neurova_gateway.pipeline.tracing import CallTracing, TracedRoute
from neurova_gateway.plugins.host import PluginHost
from neurova_gateway.plugins.stores import Stores
from neurova_gateway.server.asgi import GatewayApp
from neurova_gateway.server.connection_manager import ConnectionManager

from .. import assets
from ..memory import gc_paused
from ..openapi.service import platform_functions
from . import backends, state
from .databases import ServiceDatabases
from .events import EventRole, EventSystem
from .http_clients import HttpClients
from .inventory import report_functions
from .locations import DatabaseLocations
from .services import load_service
from .site import load_site
from .state import COUNTERS, PROCESS_COUNTERS
from .trace_stores import Traces

if TYPE_CHECKING:
    from .warehouse import WarehouseSystem

Environment = Literal["live", "test"]
SAMPLE_SECONDS = 0.5
KEY_FLUSH_SECONDS = 5.0


class Platform:
    """Serve the functions of a project through `connection_manager` or `asgi`.

    `environment`: accept only this environment's keys. `migrate`: upgrade the databases at the
    start; if it is False, a pending migration raises StateError. `sinks`: additional receivers of
    call records. `stores`: an already opened key store and rate limiter. `event_roles`: the event
    tasks that this process runs; `report_event` receives a record of each event. `log` receives
    the functions' log lines; `access_log` receives call records, by default a file.
    `check_tables`: compare the databases with the tables that the services declare.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Environment,
        migrate: bool = False,
        sinks: Sequence[CallSink] = (),
        stores: Stores | None = None,
        event_roles: Iterable[EventRole] = (),
        report_event: ReportEvent = lambda record: None,
        log: LogSink = STANDARD_LOGGING,
        access_log: CallSink | None = None,
        check_tables: bool = True,
    ) -> None:
        self.settings = settings
        self.environment = environment
        self.services: dict[str, Service] = {}
        self._migrate = migrate
        self._log = log
        self._check_tables = check_tables
        self._retiring: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        # Behind Kong, our plugins in Kong check keys and limits instead of this process.
        self.stores = None if settings.gateway.behind else stores
        clock = stores.clock if stores else time.time
        self._databases = ServiceDatabases(settings, clock)
        self.secrets = backends.open_secret_cache(settings)
        self.models = backends.open_model_pool(settings)
        self._clients = HttpClients()
        self.traces = Traces(settings, environment)
        self._tracing = CallTracing(
            self.traces.tracer, "https" if settings.gateway.tls_cert else "http"
        )
        self.process_counters = ProcessCounters(settings.state / PROCESS_COUNTERS, "worker")
        self.process_counters.sources.append(self.locations.readings)

        def report(record: EventRecord) -> None:
            self.process_counters.count_event(record)
            report_event(record)

        self.events = EventSystem(
            settings,
            event_roles,
            self._databases.get,
            report,
            clock,
            self.traces.tracer,
        )
        self.warehouse: WarehouseSystem | None = None
        self.report_scopes: frozenset[str] = frozenset()
        if settings.warehouse.enabled:
            from .spooling import CallTable
            from .warehouse import WarehouseSystem

            sinks = [*sinks, CallTable(settings)]
            if "warehouse" in self.events.roles:
                self.warehouse = WarehouseSystem(settings, self.events)
        self.admin = ""  # the URL of the Admin API once it listens
        self.registry = ""  # the URL of the registry of schemas once it listens
        self._counters = CallCounters(settings.state / COUNTERS)
        access_log = access_log or AccessLog(settings.state / "logs" / "access.jsonl")
        self._usage = UsageCounter()
        self.call_records = CallRecords(
            [access_log, self._counters, self._usage, self._tracing, *sinks]
        )
        self.host = PluginHost(
            assets.plugins_folder(settings.gateway.plugins),
            deadline=settings.gateway.phase_deadline,
        )
        identity = self._load_identity() if settings.gateway.behind else None
        self.execution = ExecutionContext()
        self.gateway = Gateway(
            settings.gateway,
            self.host,
            self.call_records,
            identity,
            self.execution.thread_pool,
            self._tracing,
        )
        self.connection_manager = ConnectionManager(self.gateway)
        self.asgi = GatewayApp(self.gateway, self.start, self.stop)

    def functions(self) -> Iterator[Endpoint]:
        """Yield the served functions of the project, but not the platform's own functions."""
        for name in sorted(self.services):
            yield from self.services[name].functions

    @property
    def slot(self) -> int:
        """Return this process's number, unique within the state folder; -1 before the start."""
        return self._counters.slot

    @property
    def locations(self) -> DatabaseLocations:
        """Return where the databases of the services are."""
        return self._databases.locations

    def databases(self) -> Iterator[Database]:
        """Yield the databases of the services; skip SQLite files that do not exist."""
        for name in sorted(self.services):
            if state.database_exists(self.settings, name):
                yield self._databases.get(name)

    async def start(self) -> None:
        """Start all parts in order; if one fails, stop those already started."""
        on_stop = self._stack.callback
        try:
            self._stack.callback(self.execution.thread_pool.stop)
            state.prepare(self.settings.state)
            await self._open_stores()
            self._counters.open()
            on_stop(self._counters.close)
            self.process_counters.open()
            on_stop(self.process_counters.close)
            self._start_task(self.process_counters.run())
            self._start_task(self._sample_counters())
            self._stack.push_async_callback(self._databases.close)
            on_stop(self.secrets.close)
            if self.settings.gateway.behind and self.settings.gateway.identity:
                self.secrets.load([self.settings.gateway.identity])
            on_stop(self.models.close)
            self._stack.push_async_callback(self._clients.close)
            self.load()
            self._stack.push_async_callback(self._stop_services)
            for service in self.services.values():
                await service.start()
            self._start_task(sweep_periodically(self.databases))
            self.host.start()
            on_stop(self.host.stop)
            self.process_counters.sources.append(self.traces.readings)
            self.traces.start()
            on_stop(self.traces.stop)
            self.call_records.start()
            on_stop(self.call_records.stop)
            self._stack.push_async_callback(self.events.stop)
            if self.warehouse is not None:
                self._stack.push_async_callback(self.warehouse.stop)
            await self.serve_events()
            self.connection_manager.start()
            on_stop(self.connection_manager.stop)
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Stop all parts in reverse order."""
        await self._stack.aclose()

    def load(self) -> None:
        """Load and serve the public page and all services."""
        self.load_site()
        names = discover(self.settings.functions)
        self.serve({name: self.load_service(name) for name in names})

    def load_site(self) -> None:
        """Build and serve the public page, if there is one."""
        self.gateway.load_site(load_site(self.settings))

    def load_service(self, name: str) -> Service:
        """Import one service again, without serving it yet."""
        return load_service(
            self.settings,
            name,
            self._databases,
            self.secrets,
            self.models,
            self.execution,
            self._clients,
            log=self._log,
            migrate=self._migrate,
            check_tables=self._check_tables,
        )

    def serve(self, services: dict[str, Service]) -> None:
        """Replace the served services with `services`; change nothing if their routes conflict."""
        functions = [function for service in services.values() for function in service.functions]
        check_routes(functions)
        handlers: dict[str, Handler] = {each.name: with_reply_headers(each) for each in functions}
        own: list[Endpoint] = [*self._answer_later(functions, handlers)]
        reports = report_functions(functions, self.settings, self.execution)
        self.report_scopes = frozenset(
            scope for each in reports for scope in each.description.scopes
        )
        documented = [*functions, *reports]
        own += platform_functions(documented, self.settings, self.environment, self.execution)
        own += reports
        handlers |= {each.name: each for each in own}
        functions += own
        self._tracing.load(
            {
                each.name: TracedRoute(each.description.template, each.description.trace)
                for each in functions
            }
        )
        with gc_paused():
            config = render(
                functions,
                self.settings.gateway,
                environment=self.environment,
                state=self.settings.state,
                plans=self.settings.plans,
            )
            self.gateway.load(config, handlers)
        self.services = services
        self.models.start()

    def _answer_later(
        self, functions: Iterable[Endpoint], handlers: dict[str, Handler]
    ) -> list[HttpFunction]:
        """Replace the handlers of `respond_async` functions; return the status functions."""
        later = [
            each
            for each in functions
            if isinstance(each, HttpFunction) and each.description.respond_async
        ]
        if not later:
            return []
        from neurova.async_calls.accepting import RespondAsync
        from neurova.async_calls.status import make_status_function

        for each in later:
            handlers[each.name] = RespondAsync(each, handlers[each.name])
        return [make_status_function(later, self.execution)]

    async def serve_events(self) -> None:
        """Run the relays and subscriptions of the served services."""
        await self.events.serve(self.services)
        if self.warehouse is not None:
            await self.warehouse.serve(self.services)

    def retire(self, service: Service) -> None:
        """Stop the mounted apps of a service that is no longer served, after their calls end."""
        task = asyncio.create_task(service.stop())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _stop_services(self) -> None:
        for service in self.services.values():
            self.retire(service)
        if self._retiring:
            await asyncio.wait(self._retiring)

    def _start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a background task until the platform stops."""
        self._stack.callback(asyncio.create_task(coroutine).cancel)

    async def _open_stores(self) -> None:
        behind = self.settings.gateway.behind
        if behind and not self.settings.gateway.keys:
            return  # Kong's machine has the key file, this process cannot open it
        if self.stores is None:
            keys = backends.open_key_store(self.settings)
            self._stack.callback(keys.close)
            if behind:
                self._keep_uses(keys, None)
                return
            limiter = backends.open_limiter(self.settings)
            self._stack.callback(limiter.close)
            await limiter.connect()
            self.stores = Stores(KeyCache(keys), limiter)
        self.host.bind_stores(self.stores)
        self._keep_uses(self.stores.keys.store, self.stores.keys)

    def _keep_uses(self, store: KeyStore, cache: KeyCache | None) -> None:
        """Store the usage and last-use times of keys periodically, and once more at the stop."""

        def flush() -> None:
            with suppress(Unavailable):  # the next flush retries
                if cache is not None:
                    cache.flush()
                self._usage.flush(store)

        async def flush_periodically() -> None:
            while True:
                await asyncio.sleep(KEY_FLUSH_SECONDS)
                await asyncio.to_thread(flush)

        self._stack.callback(flush)
        self._start_task(flush_periodically())

    async def _sample_counters(self) -> None:
        while True:
            self._counters.sample(
                in_flight=self.connection_manager.in_flight,
                connections=len(self.connection_manager.connections),
                dropped=self.call_records.dropped,
                shed=self.gateway.admission.refused + self.execution.refused,
                faults=self.host.faults,
            )
            await asyncio.sleep(SAMPLE_SECONDS)

    def _load_identity(self) -> Identity:
        name = self.settings.gateway.identity
        if not name:
            key = load_key(state.prepare(self.settings.state) / "identity.key")
            return Identity(key, self.environment)
        find = self.secrets.source(name, "gateway.identity")
        return Identity(read_from_secret(find, name), self.environment)
