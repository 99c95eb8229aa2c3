"""P7: publish on RabbitMQ, confirmed; and what an event adds to a transaction on PostgreSQL.

A client publishes messages of 200 bytes to a durable quorum queue and waits for all confirms. Raw
pika has at most 500 unconfirmed; NEUROVA publishes batches of 500, as the relay does. dramatiq and
Celery confirm one message after the other. Goals: at most 1/0.7 of raw pika's CPU a message; an
event adds at most 60 µs of CPU to a handler's transaction that inserts a row.
"""

from __future__ import annotations

import statistics

from . import messages
from .figure import Figure
from .messages import Client

FAST, SLOW = 5_000, 1_000
OUTBOX = 1_000


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p7", __doc__)
    fast, slow = (("publish", FAST),), (("publish", SLOW),)
    clients = [
        Client("neurova", "neurova", fast, is_own=True),
        Client("raw pika", "raw_pika", fast, is_own=True),
        Client("aio-pika", "aio_pika", fast),
        Client("FastStream", "faststream", fast),
        Client("dramatiq", "dramatiq", slow),
        Client("Celery", "celery", slow),
    ]
    rounds = figure.duration.rounds
    with messages.rabbit_url() as rabbit, messages.postgres_server() as server:
        costs = messages.measure(clients, rounds, rabbit, {})
        messages.show(figure, "publish", costs)
        value = messages.ratio(costs["neurova"], costs["raw pika"])
        figure.judge("publish: neurova ÷ raw pika", value, 1 / 0.7)
        kinds = ("insert", "insert-and-publish")
        clients = [Client(kind, "neurova", ((kind, OUTBOX),), is_own=True) for kind in kinds]
        databases = {kind: server.create() for kind in kinds}
        costs = messages.measure(clients, rounds, rabbit, databases)
        messages.show(figure, "outbox", costs)
        pairs = zip(costs[kinds[1]], costs[kinds[0]], strict=True)
        added = statistics.median(more.cpu_us - less.cpu_us for more, less in pairs)
        figure.judge("outbox: added to a transaction", added, 60, "µs")
    figure.write()


if __name__ == "__main__":
    main()
