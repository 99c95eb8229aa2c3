"""P9: the embedded bus, durable: publish in batches, and consume with an ack of each message.

Messages have 200 bytes; a batch has 500 messages, as the relay sends them. The commits per second
of the same disk are measured in the same round. Goal: 15,000 messages/s each way on a disk that
does 600 commits/s, so at most 67 µs a message.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import uvloop

from neurova.bus.base import Delivery, Message, Queue
from neurova.bus.sqlite.bus import SqliteBus

from .figure import Figure

QUEUE = Queue("bench.receive", ("bench.Happened",))
BATCH = 500
BATCHES = 20
COUNT = BATCH * BATCHES
BODY = bytes(200)
GOAL = 1e6 / 15_000
COMMITS = 200


class Cost(NamedTuple):
    """The time and the CPU of one message, µs."""

    time: float
    cpu: float


class Stopwatch:
    """Measure the time and the CPU of this process."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def cost(self, count: int = COUNT) -> Cost:
        """Return the cost of one of `count` messages."""
        started, cpu = self._started
        used = time.perf_counter() - started, time.process_time() - cpu
        return Cost(used[0] / count * 1e6, used[1] / count * 1e6)


def measure_disk(path: Path) -> float:
    """Return how many durable commits of one row SQLite completes per second."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (x)"
    )
    started = time.perf_counter()
    for number in range(COMMITS):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    seconds = time.perf_counter() - started
    connection.close()
    return COMMITS / seconds


async def publish(bus: SqliteBus) -> Cost:
    """Publish all messages, one batch after the other."""
    watch = Stopwatch()
    for batch in range(BATCHES):
        messages = [
            Message(f"{batch}-{number}", QUEUE.events[0], BODY, 0.0) for number in range(BATCH)
        ]
        await bus.publish(messages, asyncio.get_running_loop().time() + 60)
    return watch.cost()


async def consume(bus: SqliteBus, prefetch: int) -> Cost:
    """Consume and ack all messages."""
    acks: set[asyncio.Task[None]] = set()
    received, done = 0, asyncio.Event()

    def receive(delivery: Delivery) -> None:
        nonlocal received
        received += 1
        task = asyncio.create_task(bus.ack(delivery))
        acks.add(task)
        task.add_done_callback(acks.discard)
        if received == COUNT:
            done.set()

    watch = Stopwatch()
    consumer = await bus.consume(QUEUE.name, prefetch, receive)
    await done.wait()
    await asyncio.gather(*acks)
    cost = watch.cost()
    await consumer.stop()
    return cost


async def measure(path: Path) -> dict[str, Cost]:
    """Return the costs of one round."""
    bus = SqliteBus(path)
    await bus.start()
    try:
        await bus.declare([QUEUE], asyncio.get_running_loop().time() + 60)
        costs = {"publish": await publish(bus), "consume, prefetch 50": await consume(bus, 50)}
        await publish(bus)
        costs["consume, prefetch 500"] = await consume(bus, 500)
        return costs
    finally:
        await bus.close()


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p9", __doc__)
    with tempfile.TemporaryDirectory(prefix="neurova-bench-") as folder:
        rounds, commits = [], []
        for number in range(figure.duration.rounds):
            commits.append(measure_disk(Path(folder) / "disk.db"))
            rounds.append(uvloop.run(measure(Path(folder) / f"bus-{number}.db")))
    figure.record("commits of one row by this disk", commits, "/s")
    for part in rounds[0]:
        figure.record(f"{part}, CPU", [each[part].cpu for each in rounds], "µs")
        figure.sample(part, [each[part].time for each in rounds], GOAL, "µs a message")
    figure.write()


if __name__ == "__main__":
    main()
