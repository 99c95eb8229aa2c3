"""P8: consume from RabbitMQ with a prefetch of 50, call a handler, ack.

NEUROVA decodes the event, calls the handler under its deadline and reports the outcome; "recorded":
in a transaction on PostgreSQL that inserts a row, with the event's inbox row. The handlers of the
others do nothing; "recorded": they insert the row, without an inbox. Goals: at most twice raw
pika's CPU a message; recorded, at most FastStream's, and at most half of dramatiq's.
"""

from __future__ import annotations

from . import messages
from .figure import Figure
from .messages import Client

FAST, SLOW = 5_000, 1_000


def main() -> None:
    """Measure and write the result."""
    figure = Figure("p8", __doc__)
    fast = (("publish", FAST), ("consume", FAST))
    slow = (("publish", SLOW), ("consume", SLOW))
    recorded = (("publish-recorded", SLOW), ("consume-recorded", SLOW))
    clients = [
        Client("neurova", "neurova", fast, is_own=True),
        Client("neurova, recorded", "neurova", recorded, is_own=True),
        Client("raw pika", "raw_pika", fast, is_own=True),
        Client("aio-pika", "aio_pika", fast),
        Client("FastStream", "faststream", slow),
        Client("FastStream, recorded", "faststream", slow),
        Client("dramatiq", "dramatiq", slow),
        Client("dramatiq, recorded", "dramatiq", slow),
        Client("Celery", "celery", slow),
    ]
    with messages.rabbit_url() as rabbit, messages.postgres_server() as server:
        names = [each.name for each in clients if each.name.endswith("recorded")]
        databases = {name: server.create() for name in names}
        costs = messages.measure(clients, figure.duration.rounds, rabbit, databases)
    messages.show(figure, "consume", costs)
    for ours, other, most in (
        ("neurova", "raw pika", 2.0),
        ("neurova, recorded", "FastStream, recorded", 1.0),
        ("neurova, recorded", "dramatiq, recorded", 0.5),
    ):
        value = messages.ratio(costs[ours], costs[other])
        figure.judge(f"consume: {ours} ÷ {other}", value, most)
    figure.write()


if __name__ == "__main__":
    main()
