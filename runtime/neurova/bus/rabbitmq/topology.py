"""The exchanges, queues and bindings on RabbitMQ, as data.

Events are published to a topic exchange. A retry is published to the fanout exchange of a retry
level, whose queue delays it. After the delay, RabbitMQ publishes it to a direct exchange, which
routes it to its original queue by name. If that queue is gone, the message goes to the LOST queue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..base import Queue, dead_letter_queue

EVENTS = "neurova.events"
BACK = "neurova.back"
LOST = "neurova.lost"
LEVELS = (*(2**exponent for exponent in range(12)), 3600)
"""The delays of the retry levels in seconds."""
DELIVERY_LIMIT = 50
"""A message returned more often goes to the dead-letter queue: it may crash its consumers."""
HANDLES_OF_QUEUE = 3
"""The number of file handles that RabbitMQ keeps open for a quorum queue."""
# Without any limit, RabbitMQ appends a returned message to the queue, so its order would be lost.
_UNLIMITED = 2**31 - 1
_DEAD_LETTERS = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}

Arguments = dict[str, Any]


class Exchange(NamedTuple):
    """A durable exchange."""

    name: str
    kind: str
    arguments: Arguments


class QuorumQueue(NamedTuple):
    """A quorum queue."""

    name: str
    arguments: Arguments


class Binding(NamedTuple):
    """Route the messages of an exchange with this routing key to a queue."""

    exchange: str
    queue: str
    key: str


class Topology(NamedTuple):
    """Exchanges, queues and bindings of the broker."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[QuorumQueue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    def __add__(self, other: tuple[Any, ...]) -> Topology:
        return Topology(*(mine + more for mine, more in zip(self, other, strict=True)))

    @property
    def handles(self) -> int:
        """Return the number of file handles that the queues need on the broker."""
        return HANDLES_OF_QUEUE * len(self.queues)


def retry_exchange(delay: float) -> str:
    """Return the exchange of the shortest retry level that lasts at least `delay` seconds."""
    level = next((level for level in LEVELS if level >= delay), LEVELS[-1])
    return f"neurova.retry.{level}"


def shared_topology() -> Topology:
    """Return the topology that all subscriptions share."""
    levels = [(retry_exchange(level), level) for level in LEVELS]
    exchanges = (
        Exchange(EVENTS, "topic", {}),
        Exchange(LOST, "fanout", {}),
        Exchange(BACK, "direct", {"alternate-exchange": LOST}),
        *(Exchange(name, "fanout", {}) for name, _ in levels),
    )
    queues = (
        _quorum_queue(LOST),
        *(
            _quorum_queue(
                name,
                {
                    "x-message-ttl": level * 1000,
                    "x-dead-letter-exchange": BACK,
                    **_DEAD_LETTERS,
                },
            )
            for name, level in levels
        ),
    )
    return Topology(
        exchanges,
        queues,
        tuple(Binding(name, name, "") for name in (LOST, *(n for n, _ in levels))),
    )


def topology_of(queues: Iterable[Queue]) -> Topology:
    """Return the queues of subscriptions, their dead-letter queues and their bindings."""
    found = Topology()
    for queue in queues:
        dead = dead_letter_queue(queue.name)
        arguments = {
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead,
            **_DEAD_LETTERS,
            **({"x-single-active-consumer": True} if queue.ordered else {}),
        }
        bindings = (
            *(Binding(EVENTS, queue.name, event) for event in queue.events),
            Binding(BACK, queue.name, queue.name),
        )
        # Create the dead-letter queue first: without it, RabbitMQ keeps dead letters in the queue.
        found += ((), (_quorum_queue(dead), _quorum_queue(queue.name, arguments)), bindings)
    return found


def render_definitions(topology: Topology, vhost: str) -> dict[str, list[dict[str, Any]]]:
    """Return the topology as the content of a RabbitMQ definitions file."""
    return {
        "exchanges": [
            {
                "name": each.name,
                "vhost": vhost,
                "type": each.kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": each.arguments,
            }
            for each in topology.exchanges
        ],
        "queues": [
            {
                "name": each.name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": each.arguments,
            }
            for each in topology.queues
        ],
        "bindings": [
            {
                "source": each.exchange,
                "vhost": vhost,
                "destination": each.queue,
                "destination_type": "queue",
                "routing_key": each.key,
                "arguments": {},
            }
            for each in topology.bindings
        ],
    }


def _quorum_queue(name: str, arguments: Arguments | None = None) -> QuorumQueue:
    common: Arguments = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}
    return QuorumQueue(name, common | (arguments or {}))
