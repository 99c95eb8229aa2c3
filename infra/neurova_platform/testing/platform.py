"""A complete platform in a test's process, with its own state and a controllable clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

import msgspec

from neurova.dead_letters.letters import DeadLetterDetails
from neurova.secrets.base import SecretVersion, group_fields
from neurova.settings.bus import Bus
from neurova.settings.mail import Mail
from neurova.settings.models import Models
from neurova.settings.secrets import Secrets
from neurova.settings.traces import Traces
from neurova.subscriptions.records import EventRecord
from neurova_gateway.admin.reloads import Reloads
from neurova_gateway.keys.cache import KeyCache
from neurova_gateway.keys.issuer import create
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_gateway.limits.table import LimitTable
from neurova_gateway.pipeline.call_records import CallRecord
from neurova_gateway.plugins.stores import Stores

from ..composition import backends, state
from ..composition.platform import Platform
from ..settings.loading import load
from .client import CallOptions, build_scope, encode_request, request
from .clock import Clock
from .databases import Databases, postgres_variables
from .events import EventRunner, PublishedEvent
from .response import Response
from .stream import StreamReader

T = TypeVar("T")


class _CollectedRecords:
    """Keep all call records; a `CallSink`."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def write(self, records: Sequence[CallRecord]) -> None:
        self.records.extend(records)


class TestPlatform:
    """Call a project's functions as clients do.

    A call sends a new key with exactly the scopes in `scopes=`, the key in `key=`, or no key.
    `clock` is the clock of keys, limits and retries. `folder` is the state folder. Tests with the
    same `databases` folder share migrated templates. `secrets` are the values of the project's
    secrets by "NAME#FIELD".
    """

    __test__ = False

    def __init__(
        self,
        project: Path,
        folder: Path,
        databases: Path | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        grouped = group_fields(secrets or {})
        versions = {name: SecretVersion(1, fields) for name, fields in grouped.items()}
        loaded = load(
            project,
            environ=postgres_variables(os.environ),
            flags={"project.state": str(folder)},
            secrets=lambda settings, names: versions,
        )
        self._databases = Databases(databases or folder / "migrated", loaded.services)
        # Replace all configured servers: a test must never use the project's databases, bus, mail
        # server or secrets.
        self.settings = msgspec.structs.replace(
            loaded,
            services=self._databases.services(),
            bus=Bus(),
            models=Models(),
            mail=Mail(sender=loaded.mail.sender),
            secrets=Secrets(expiry=loaded.secrets.expiry),
            traces=Traces(enabled=False),
        )
        self.clock = Clock()
        state.prepare(folder)
        self._write_secrets(grouped)
        self.store = SqliteKeyStore(folder / "keys.db")
        self._keys: dict[tuple[str, frozenset[str]], str] = {}
        self._limiter = LimitTable(folder / "limits.table", clock=self.clock.nanoseconds)
        self._runner = asyncio.Runner()
        self._admin: Any = None
        self.reloads = Reloads()
        self._records = _CollectedRecords()
        keys = KeyCache(self.store, self.clock.monotonic, self.clock.time)
        self.platform = Platform(
            self.settings,
            environment="test",
            migrate=True,
            sinks=[self._records],
            stores=Stores(keys, self._limiter, self.clock.time),
            report_event=lambda record: self._events.records.append(record),
        )
        self._events = EventRunner(self.platform, self.clock)

    def __enter__(self) -> Self:
        try:
            self.run(self._start())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.platform.stop())
        self._close()

    async def __aenter__(self) -> Self:
        """Start on the running event loop; then only the async methods can make calls."""
        try:
            await self._start()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.platform.stop()
        self._close()

    async def _start(self) -> None:
        self._databases.restore(self.settings)
        await self.platform.start()
        self._databases.save(self.settings, self.platform.services)

    def _close(self) -> None:
        self._runner.close()
        self._limiter.close()
        self.store.close()
        self._databases.drop()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the platform's event loop."""
        return self._runner.run(coroutine)

    def key(self, consumer: str = "tester", scopes: Iterable[str] = (), **rights: Any) -> str:
        """Create a key; `rights`: further arguments of `neurova_gateway.keys.issuer.create`."""
        return create(self.store, consumer, "test", scopes, now=self.clock.time(), **rights).key

    def get(self, path: str, **options: Unpack[CallOptions]) -> Response:
        """GET a path."""
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Unpack[CallOptions]) -> Response:
        """POST to a path."""
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Unpack[CallOptions]) -> Response:
        """PUT to a path."""
        return self.call("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[CallOptions]) -> Response:
        """PATCH a path."""
        return self.call("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[CallOptions]) -> Response:
        """DELETE a path."""
        return self.call("DELETE", path, **options)

    def call(self, method: str, path: str, **options: Unpack[CallOptions]) -> Response:
        """Make one call and return its response."""
        return self.run(self.acall(method, path, **options))

    async def acall(self, method: str, path: str, **options: Unpack[CallOptions]) -> Response:
        """Make one call asynchronously; pass it to `together`."""
        headers, body = self._prepare(options)
        return await request(self.platform.asgi, method, path, headers, body)

    def together(self, calls: Iterable[Coroutine[Any, Any, Response]]) -> list[Response]:
        """Run `acall`s concurrently and return their responses in order."""

        async def gather() -> list[Response]:
            return list(await asyncio.gather(*calls))

        return self.run(gather())

    def stream(self, path: str, **options: Unpack[CallOptions]) -> StreamReader:
        """GET a path and read its response item by item in a `with` block."""
        headers, body = self._prepare(options)
        scope = build_scope("GET", path, headers)
        return StreamReader(self._runner, self.platform.asgi, scope, body)

    def admin(self, method: str, path: str, **options: Unpack[CallOptions]) -> Response:
        """Call the Admin API, by default with its token; its data includes all earlier calls."""
        from ..admin.access import load_token
        from ..admin.server import create_app, platform_context

        token = load_token(self.settings.state)
        if self._admin is None:
            context = platform_context(self.platform, self.reloads)
            self._admin = create_app(context, token, self.settings)
        headers, body = encode_request(options, host="localhost", authorization=f"Bearer {token}")
        self.platform.call_records.flush()
        return self.run(request(self._admin, method, path, headers, body))

    def records(self) -> list[CallRecord]:
        """Return the access records of all calls so far."""
        self.platform.call_records.flush()
        return list(self._records.records)

    @property
    def events(self) -> list[PublishedEvent]:
        """Return the events of all transactions committed so far."""
        return self.run(self._events.published())

    def run_subscriptions(self) -> list[EventRecord]:
        """Run the subscriptions until nothing is left to do; return a record for each event.

        To run a delayed retry, advance the clock past its delay and call this method again.
        """
        return self.run(self.arun_subscriptions())

    async def arun_subscriptions(self) -> list[EventRecord]:
        """Run the subscriptions on the running event loop."""
        return await self._events.run()

    def dead_letters(self, queue: str) -> list[DeadLetterDetails]:
        """Return the dead letters of a subscription, "<service>.<function>"."""
        return self.run(self._events.dead_letters(queue))

    def deliver(self, queue: str, event: str, values: Mapping[str, Any]) -> list[EventRecord]:
        """Deliver an event to one subscription only, with all its retries; return the records.

        `event` is "<service>.<class>", `values` are its fields as JSON values. The clock advances
        past the delay of each retry. Raises NeurovaError if the subscription does not exist, or if
        the values do not fit the event.
        """
        return self.run(self._events.deliver(queue, event, values))

    def set_secret(self, name: str, value: str) -> None:
        """Change the secret "NAME#FIELD"; functions see the new value from the next call on."""
        self._write_secrets(group_fields({name: value}))
        self.platform.secrets.refresh()

    def _write_secrets(self, grouped: Mapping[str, Mapping[str, str]]) -> None:
        if grouped:
            store = backends.open_secret_store(self.settings)
            for name, fields in grouped.items():
                store.write(name, fields)

    def run_schedules(self) -> list[EventRecord]:
        """Run the schedules that are due at the time of `clock`; return the records of the runs.

        A schedule is due if one of its times has passed since the platform started, or since its
        last run. If several times have passed, the schedule runs only once, for the latest.
        """
        return self.run(self._events.run_schedules())

    def _prepare(self, options: CallOptions) -> tuple[dict[str, str], bytes]:
        headers, body = encode_request(options)
        key, scopes = options.get("key"), options.get("scopes")
        if key is None and scopes is not None:
            owner = options.get("consumer", "tester"), frozenset(scopes)
            if owner not in self._keys:
                self._keys[owner] = self.key(*owner)
            key = self._keys[owner]
        if key is not None:
            headers["x-api-key"] = key
        return headers, body
