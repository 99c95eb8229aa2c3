"""FastStream: 500 publishes at once with confirms; a handler that receives the bytes.

"recorded": the handler inserts a row in a transaction of SQLAlchemy and asyncpg.
"""

import sys

from commands import BODY, PREFETCH, publish_windows, serve
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.ext.asyncio import create_async_engine

SALES = Table("sales", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer))


async def open_client(url):
    """Connect and return the commands."""
    broker = RabbitBroker(url, default_channel=Channel(prefetch_count=PREFETCH), logger=None)
    await broker.connect()
    database = sys.argv[2]
    engine = database and create_async_engine(
        database.replace(":", "+asyncpg:", 1), pool_size=10, max_overflow=0
    )
    if engine:
        async with engine.begin() as connection:
            await connection.run_sync(SALES.metadata.create_all)
    name = "bench.faststream.recorded" if engine else "bench.faststream"
    queue = RabbitQueue(name, queue_type=QueueType.QUORUM, durable=True)
    await broker.declare_queue(queue)
    progress = None

    async def receive(body: bytes) -> None:
        progress.hit()

    async def record(body: bytes) -> None:
        async with engine.begin() as connection:
            await connection.execute(SALES.insert(), {"n": 7})
        progress.hit()

    subscriber = broker.subscriber(queue)
    subscriber(record if engine else receive)

    async def publish(progress):
        return await publish_windows(
            progress, lambda: broker.publish(BODY, name, persist=True, mandatory=True)
        )

    async def consume(wanted):
        nonlocal progress
        progress = wanted
        await broker.start()
        costs = await progress.done()
        await subscriber.stop()
        return costs

    return {"publish": publish, "consume": consume}


serve(open_client)
