"""Celery: confirms on, one message after the other; a worker with one thread, acks after the call.

Without gossip, mingle, heartbeat and result backend.
"""

import asyncio
import threading

from celery import Celery
from celery.worker import state
from commands import BODY, PREFETCH, serve
from kombu import Queue

NAME = "bench_celery"


async def open_client(url):
    """Connect and return the commands."""
    app = Celery("bench", broker=url)
    app.conf.update(
        task_queues=[Queue(NAME, queue_arguments={"x-queue-type": "quorum"})],
        task_default_queue=NAME,
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=PREFETCH,
        worker_concurrency=1,
        broker_transport_options={"confirm_publish": True},
        worker_detect_quorum_queues=True,
    )
    progress = None

    @app.task(name="bench.receive")
    def receive(body):
        progress.hit()

    def send(count):
        for _ in range(count):
            receive.delay(BODY.decode())

    async def publish(progress):
        progress.start()
        await asyncio.to_thread(send, progress.count)
        return progress.costs()

    async def consume(wanted):
        nonlocal progress
        progress = wanted
        worker = app.WorkController(
            pool="solo", without_gossip=True, without_mingle=True, without_heartbeat=True
        )
        thread = threading.Thread(target=worker.start, daemon=True)
        thread.start()
        costs = await progress.done()
        state.should_stop = 0  # makes the worker's thread stop and close its connection
        await asyncio.to_thread(thread.join)
        state.should_stop = None
        return costs

    return {"publish": publish, "consume": consume}


serve(open_client)
