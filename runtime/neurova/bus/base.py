"""The interface that each backend of the bus implements.

An event is published once and copied to the queue of each subscription. A delivery ends with `ack`,
`retry`, `dead_letter` or `release`; one that does not end, because its process died, is delivered
again. Delivery is at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from ..errors import NeurovaError

LONGEST_RETRY = 3600.0
"""The maximum delay of a retry in seconds."""
MAX_CAUSE = 2_000
"""The maximum length of the text of a failure's cause."""
MAX_FAILURES = 20
"""A message keeps this many of its latest failures."""


class Unroutable(NeurovaError):
    """No queue takes some of the published events, whose names are in `events`."""

    def __init__(self, events: Sequence[str]) -> None:
        what = f"no queue takes the event {', '.join(events)}"
        super().__init__(what, fix="start the subscriptions of the event, or write one")
        self.events = tuple(events)


class Message(msgspec.Struct, frozen=True):
    """An event on the bus.

    `id` identifies the event everywhere. `event` is its name, `body` its encoded form. `time` is
    when it was published, in Unix seconds. `traceparent` (W3C) is the span that published it.
    """

    id: str
    event: str
    body: bytes
    time: float
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        """Return the id of the trace, "" without one."""
        return self.traceparent[3:35] if "-" in self.traceparent else self.traceparent


class Failure(msgspec.Struct, frozen=True):
    """A failed attempt to handle a message: when, which attempt, and why."""

    time: float
    attempt: int
    cause: str


class Delivery(msgspec.Struct):
    """A message of a queue, delivered to one consumer.

    `attempt` is 1 at first. `handle` belongs to the backend.
    """

    message: Message
    queue: str
    attempt: int = 1
    failures: tuple[Failure, ...] = ()
    handle: Any = None


class Queue(NamedTuple):
    """The queue of one subscription.

    `ordered`: only one consumer at a time receives its messages, in the order of publication.
    """

    name: str
    events: tuple[str, ...]
    ordered: bool = False


class Depth(NamedTuple):
    """The number of messages of a queue.

    `ready` wait for a consumer, `delivered` are being handled, `delayed` wait for a retry, `dead`
    are in its dead-letter queue. -1: the backend does not know. `oldest` is when the first of the
    ready ones was published, in Unix seconds; 0 if there is none or the backend does not know.
    """

    ready: int
    delivered: int
    delayed: int
    dead: int
    oldest: float = 0.0


Receive = Callable[[Delivery], None]
"""Takes a delivery; called on the event loop and returns at once."""


class Consumer(Protocol):
    """The consumer of one queue in one process."""

    async def stop(self) -> None:
        """Receive no more deliveries. Those already received can still be ended."""
        ...


class Bus(Protocol):
    """The bus of one process; methods run on its event loop.

    A method that waits raises Unavailable at its deadline, in event-loop seconds. `system` is its
    name in traces.
    """

    system: str

    async def start(self) -> None:
        """Connect; afterwards the bus reconnects by itself."""
        ...

    async def close(self) -> None:
        """Disconnect. Deliveries that have not ended go back to their queues."""
        ...

    async def declare(self, queues: Sequence[Queue], deadline: float) -> None:
        """Create the queues, with a dead-letter queue each, and bind them to their events.

        Change nothing that exists already as described. Raises StateError if a queue exists with
        another definition.
        """
        ...

    async def publish(self, messages: Sequence[Message], deadline: float) -> None:
        """Publish messages in order and return when all of them are durable.

        Raises Unroutable if an event has no queue; the other messages are published. After an
        Unavailable some messages may have been published: publish all of them again.
        """
        ...

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> Consumer:
        """Deliver the messages of a queue to `receive`, at most `prefetch` at once."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """Remove a handled message."""
        ...

    async def retry(self, delivery: Delivery, delay: float, cause: str) -> None:
        """Deliver the message again as the next attempt, after `delay` seconds or a little more."""
        ...

    async def dead_letter(self, delivery: Delivery, cause: str) -> None:
        """Move the message to the dead-letter queue of its queue.

        A delivery without a `handle`, which the subscription has stored itself, is added there.
        """
        ...

    async def release(self, delivery: Delivery) -> None:
        """Give the message back to its queue; this is not an attempt."""
        ...

    async def depth(self, queue: str) -> Depth:
        """Count the messages of a queue."""
        ...

    async def dead_letters(self, queue: str, limit: int) -> list[Delivery]:
        """Return the oldest messages of a dead-letter queue, without removing them."""
        ...

    async def replay(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Move dead letters back to their queue as first attempts; return the ids that were moved.

        They keep their failures.
        """
        ...

    async def replace(self, queue: str, id: str, body: bytes) -> bool:
        """Replace the body of a dead letter; return False if it is not there."""
        ...

    async def drop(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Delete dead letters; return the ids that were deleted."""
        ...


def dead_letter_queue(queue: str) -> str:
    """Return the name of the dead-letter queue of a queue."""
    return f"{queue}.dlq"


def add_failure(delivery: Delivery, now: float, cause: str) -> tuple[Failure, ...]:
    """Return the failures of a message after one more failed attempt."""
    failure = Failure(now, delivery.attempt, cause[:MAX_CAUSE])
    return (*delivery.failures, failure)[-MAX_FAILURES:]
