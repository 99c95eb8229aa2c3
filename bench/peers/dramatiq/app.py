"""dramatiq: confirms on, one message after the other; a worker with its 8 threads.

"recorded": the handler inserts a row in a transaction of SQLAlchemy and psycopg.
"""

import asyncio
import os
import sys

from commands import BODY, PREFETCH, serve

os.environ["dramatiq_queue_prefetch"] = str(PREFETCH)  # noqa: SIM112 - dramatiq reads it

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

SALES = Table("sales", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer))


class QuorumBroker(RabbitmqBroker):
    """Declare quorum queues."""

    def _build_queue_arguments(self, queue_name):
        return super()._build_queue_arguments(queue_name) | {"x-queue-type": "quorum"}


async def open_client(url):
    """Connect and return the commands."""
    broker = QuorumBroker(url=url, confirm_delivery=True)
    dramatiq.set_broker(broker)
    database = sys.argv[2]
    engine = database and create_engine(database.replace(":", "+psycopg:", 1), pool_size=8)
    if engine:
        SALES.metadata.create_all(engine)
    queue = "bench_dramatiq_recorded" if engine else "bench_dramatiq"
    progress = None

    @dramatiq.actor(queue_name=queue)
    def receive(body):
        if engine:
            with engine.begin() as connection:
                connection.execute(SALES.insert(), {"n": 7})
        progress.hit()

    await asyncio.to_thread(broker.declare_queue, queue, ensure=True)
    worker = dramatiq.Worker(broker, queues={queue}, worker_threads=8)
    worker.start()

    def send(count):
        for _ in range(count):
            receive.send(BODY.decode())

    async def publish(progress):
        await asyncio.to_thread(worker.pause)
        progress.start()
        await asyncio.to_thread(send, progress.count)
        return progress.costs()

    async def consume(wanted):
        nonlocal progress
        progress = wanted
        worker.resume()
        return await progress.done()

    return {"publish": publish, "consume": consume}


serve(open_client)
