"""Write the warehouse: store events from the bus, and rows from the spool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from neurova.bus.base import Bus, Delivery
from neurova.errors import NeurovaError
from neurova.events.codec import UndecodableEvent, codec_of
from neurova.execution.repeated import log_repeated
from neurova.loading.service import Service
from neurova.settings.settings import Settings

from . import backends, warehouses
from .events import WAREHOUSE_QUEUE, EventSystem
from .spooling import make_spool

if TYPE_CHECKING:  # msgspec types and DuckDB are imported when the warehouse is on
    from neurova.warehouse.operations import LocalOperations
    from neurova.warehouse.sink import Sink

LOGGER = logging.getLogger("neurova.warehouse")
BATCH = 10_000  # events
GATHER_SECONDS = 0.2  # of waiting for more events after the first
SPOOL_SECONDS = 1.0
LAST_ARCHIVE_SECONDS = 5.0  # at a stop; the next start archives the rest
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between two attempts after a failure


class WarehouseSystem:
    """Write the warehouse until stopped; log failures and retry.

    While the warehouse is unavailable, events stay on the bus, and rows stay in the spool.
    """

    def __init__(self, settings: Settings, events: EventSystem) -> None:
        self._settings = settings
        self._events = events
        self._schemas: dict[str, str] = {}
        self._prepared: set[tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._has_events = asyncio.Event()
        self._deliveries: asyncio.Queue[Delivery] = asyncio.Queue()

    async def serve(self, services: Mapping[str, Service]) -> None:
        """Store the events of these services from now on."""
        events = [event for service in services.values() for event in service.events]
        self._schemas = {codec.name: codec.schema for codec in map(codec_of, events)}
        if self._schemas:
            self._has_events.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Archive the stored rows, and close the warehouse."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._work()
            except* Exception as errors:
                failures += 1
                error = errors.exceptions[0]
                while isinstance(error, ExceptionGroup):
                    error = error.exceptions[0]
                log_repeated(LOGGER, failures, error, "The warehouse waits")
            await asyncio.sleep(min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE))

    async def _work(self) -> None:
        """Open the warehouse and write to it until a failure."""
        from neurova.warehouse.sink import Sink
        from neurova.warehouse.socket import serve

        warehouse = await asyncio.to_thread(backends.open_warehouse, self._settings)
        operations = warehouses.make_operations(self._settings, warehouse)
        try:
            policy = warehouses.make_policy(self._settings)
            sink = Sink(warehouse, policy, self._events.schemas.cached)
            self._prepared.clear()
            path = self._settings.state / "warehouse" / warehouses.SOCKET
            async with serve(path, operations), asyncio.TaskGroup() as group:
                group.create_task(self._store_events(sink, operations))
                group.create_task(self._store_rows(sink, operations))
                group.create_task(self._archive(operations))
        finally:
            await asyncio.shield(asyncio.to_thread(self._close, operations))

    def _close(self, operations: LocalOperations) -> None:
        try:
            operations.archive(LAST_ARCHIVE_SECONDS)
        except NeurovaError as error:
            LOGGER.error("The last rows are not archived: %s", error)
        finally:
            operations.close()

    async def _store_events(self, sink: Sink, operations: LocalOperations) -> None:
        await self._has_events.wait()
        bus = await self._events.open_bus()
        self._deliveries = asyncio.Queue()
        consumer = await bus.consume(WAREHOUSE_QUEUE, BATCH, self._deliveries.put_nowait)
        try:
            while True:
                batch = [await self._deliveries.get()]
                if self._deliveries.qsize() < BATCH // 10:
                    await asyncio.sleep(GATHER_SECONDS)
                while len(batch) < BATCH and not self._deliveries.empty():
                    batch.append(self._deliveries.get_nowait())
                await self._store(bus, sink, operations, batch)
        finally:
            await consumer.stop()
            await self._release(bus)

    async def _store(
        self, bus: Bus, sink: Sink, operations: LocalOperations, batch: Sequence[Delivery]
    ) -> None:
        """Store a batch, then ack its deliveries, or dead-letter those that cannot be decoded."""
        await self._load_schemas(batch)

        def store() -> dict[str, UndecodableEvent]:
            with operations.writing:
                failed = sink.store([each.message for each in batch])
            return {message.id: error for message, error in failed}

        try:
            failed = await asyncio.to_thread(store)
        except BaseException:
            for each in batch:  # `_release` returns them to the bus
                self._deliveries.put_nowait(each)
            raise
        for each in batch:
            if each.message.id in failed:
                await bus.dead_letter(each, str(failed[each.message.id]))
        kept = [each for each in batch if each.message.id not in failed]
        await asyncio.gather(*map(bus.ack, kept))

    async def _load_schemas(self, batch: Sequence[Delivery]) -> None:
        schemas = self._events.schemas
        for each in batch:
            try:
                if not schemas.is_cached(each.message.body):
                    await schemas.load(each.message.body)
            except UndecodableEvent:
                continue  # the sink reports this event as failed

    async def _release(self, bus: Bus) -> None:
        while not self._deliveries.empty():
            await bus.release(self._deliveries.get_nowait())

    async def _store_rows(self, sink: Sink, operations: LocalOperations) -> None:
        """Create missing tables and store spooled rows, every second."""
        from neurova.warehouse.spool import SPOOLED

        spool = make_spool(self._settings)

        def store() -> None:
            with operations.writing:
                for table in () if self._prepared else SPOOLED.values():
                    sink.prepare_table(table)
                    self._prepared.add((table.name, ""))
                for event, schema in self._schemas.items():
                    if (event, schema) not in self._prepared:
                        self._prepare(sink, event, schema)
                sink.drain(spool)

        while True:
            await asyncio.to_thread(store)
            await asyncio.sleep(SPOOL_SECONDS)

    def _prepare(self, sink: Sink, event: str, schema: str) -> None:
        from neurova.warehouse.columns import UnusableSchema

        try:
            sink.prepare(event, schema)
        except UnusableSchema as error:
            LOGGER.error("Events %s are not stored: %s", event, error)
        self._prepared.add((event, schema))

    async def _archive(self, operations: LocalOperations) -> None:
        while True:
            await asyncio.sleep(self._settings.warehouse.archive_every)
            await asyncio.to_thread(operations.archive)
