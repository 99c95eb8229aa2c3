"""NEUROVA's bus, subscriptions and outbox.

Arguments: the URLs of RabbitMQ and of PostgreSQL ("" to use no database).
"""

import asyncio
import itertools
import sys
import tempfile
from pathlib import Path

import asyncpg
from commands import BODY, PREFETCH, WINDOW, serve
from sqlalchemy import Column, Integer, MetaData, Table

from neurova import Event, Tx, on
from neurova.bus.base import Message
from neurova.bus.rabbitmq.bus import RabbitBus
from neurova.database.migrations import upgrade_platform
from neurova.database.postgres.database import PostgresDatabase
from neurova.database.postgres.url import PostgresUrl
from neurova.events.codec import codec_of, with_head
from neurova.execution.transaction import run_in_transaction
from neurova.resources import Resources
from neurova.schemas.cache import SchemaCache
from neurova.schemas.sqlite import SqliteRegistry
from neurova.subscriptions.function import Definition, SubscriptionFunction
from neurova.subscriptions.runner import SubscriptionRunner

SALES = Table(
    "sales",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
)
CONCURRENCY = 8


class Happened(Event, source="bench"):
    """An event that is handled without a transaction."""

    number: int
    text: str


class Recorded(Event, source="bench"):
    """An event that is handled in a transaction."""

    number: int
    text: str


TEXT = "x" * (len(BODY) - 20)


async def open_client(url):
    """Connect and return the commands."""
    bus = RabbitBus(url)
    await bus.start()
    client = Client(bus, await open_database(sys.argv[2]) if sys.argv[2] else None)
    await bus.declare([each.queue for each in client.functions], deadline())
    return {
        "publish": lambda progress: client.publish(progress, Happened),
        "publish-recorded": lambda progress: client.publish(progress, Recorded),
        "consume": lambda progress: client.consume(progress, 0),
        "consume-recorded": lambda progress: client.consume(progress, 1),
        "insert": lambda progress: client.insert(progress, is_published=False),
        "insert-and-publish": lambda progress: client.insert(progress, is_published=True),
    }


async def open_database(url):
    """Create the tables and return the database."""
    location = PostgresUrl(url)
    await asyncio.to_thread(upgrade_platform, location)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE sales (id serial PRIMARY KEY, number integer NOT NULL)")
    await connection.close()
    return PostgresDatabase(location)


class Client:
    """A bus, and subscriptions with and without a transaction."""

    def __init__(self, bus, database):
        self.bus, self.database, self.progress = bus, database, None
        self.ids = itertools.count()
        folder = Path(tempfile.mkdtemp(prefix="neurova-bench-"))
        self.schemas = SchemaCache(SqliteRegistry(folder / "schemas.db"))

        @on(Happened, prefetch=PREFETCH)
        async def receive(event: Happened) -> None:
            self.progress.hit()

        @on(Recorded, prefetch=PREFETCH)
        async def record(event: Recorded, tx: Tx) -> None:
            await tx.execute(SALES.insert(), {"number": event.number})
            self.progress.hit()

        resources = Resources(lambda: database)
        self.functions = [
            SubscriptionFunction(Definition(each, each.__neurova__, "bench", "app.py", resources))
            for each in (receive, record)
        ]

    async def publish(self, progress, event):
        """Publish batches, as the relay does."""
        codec = codec_of(event)
        schema_id = await self.schemas.register(codec.name, codec.schema)
        body = with_head(schema_id, codec.encode(event(7, TEXT)).body)
        progress.start()
        for _ in range(progress.count // WINDOW):
            ids = [f"{next(self.ids):032x}" for _ in range(WINDOW)]
            messages = [Message(id, codec.name, body, 0.0, "0" * 32) for id in ids]
            await self.bus.publish(messages, deadline())
        return progress.costs()

    async def consume(self, progress, number):
        """Run a subscription."""
        self.progress = progress
        runner = SubscriptionRunner(
            self.functions[number], self.bus, self.schemas, lambda record: None
        )
        await runner.start()
        costs = await progress.done()
        await runner.stop(10)
        return costs

    async def insert(self, progress, is_published):
        """Run transactions that insert a row and, if `is_published`, also publish an event."""

        async def body(tx):
            await tx.execute(SALES.insert(), {"number": 7})
            if is_published:
                tx.publish(Happened(7, TEXT))

        async def run(count):
            for _ in range(count):
                transaction = self.database.transaction(readonly=False, deadline=deadline())
                await run_in_transaction(transaction, body)

        await run(10)
        progress.start()
        await asyncio.gather(*(run(progress.count // CONCURRENCY) for _ in range(CONCURRENCY)))
        return progress.costs()


def deadline():
    """Return a deadline for one operation."""
    return asyncio.get_running_loop().time() + 60


serve(open_client)
