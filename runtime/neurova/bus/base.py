"""The interface that each backend of the bus implements.

An event is published once and copied to the queue of each subscription. A delivery ends with `ack`,
`retry`, `dead_letter` or `release`. If the consumer's process dies before that, the message is
delivered again. Delivery is at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from ..errors import NeurovaError

LONGEST_RETRY = 3600.0
"""The maximum delay of a retry in seconds."""
MAX_CAUSE = 2_000
"""The maximum length of `Failure.cause` in characters."""
MAX_FAILURES = 20
"""The number of latest failures that a message keeps."""


class Unroutable(NeurovaError):
    """Some published events have no queue; `events` are their names."""

    def __init__(self, events: Sequence[str]) -> None:
        what = f"no queue takes the event {', '.join(events)}"
        super().__init__(what, fix="start the subscriptions of the event, or write one")
        self.events = tuple(events)


class Message(msgspec.Struct, frozen=True):
    """An event on the bus.

    `id` identifies the event in each queue and log. `event` is its name, `body` its encoded form.
    `time` is the time of publication in Unix seconds. `traceparent` (W3C) identifies the span that
    published it.
    """

    id: str
    event: str
    body: bytes
    time: float
    traceparent: str = ""

    @property
    def trace_id(self) -> str:
        """Return the id of the trace, "" if there is none."""
        return self.traceparent[3:35] if "-" in self.traceparent else self.traceparent


class Failure(msgspec.Struct, frozen=True):
    """A failed attempt to handle a message: its time, its number and its cause."""

    time: float
    attempt: int
    cause: str


class Delivery(msgspec.Struct):
    """A message of a queue, delivered to one consumer.

    `attempt` counts from 1. Only the backend reads `handle`.
    """

    message: Message
    queue: str
    attempt: int = 1
    failures: tuple[Failure, ...] = ()
    handle: Any = None


class Queue(NamedTuple):
    """The queue of one subscription.

    `ordered`: only one consumer at a time receives messages, in the order of their publication.
    """

    name: str
    events: tuple[str, ...]
    ordered: bool = False


class Depth(NamedTuple):
    """The number of messages of a queue in each state.

    `ready` messages wait for a consumer, `delivered` ones are being handled, `delayed` ones wait
    for a retry, `dead` ones are in the dead-letter queue. -1: the backend does not know the number.
    `oldest` is the publication time of the first ready message in Unix seconds; 0 if there is no
    ready message or the backend does not know the time.
    """

    ready: int
    delivered: int
    delayed: int
    dead: int
    oldest: float = 0.0


Receive = Callable[[Delivery], None]
"""A callback for a delivery; it is called on the event loop and must not block."""


class Consumer(Protocol):
    """The consumer of one queue in one process."""

    async def stop(self) -> None:
        """Receive no more deliveries. Deliveries already received can still be ended."""
        ...


class Bus(Protocol):
    """The bus of one process; methods run on its event loop.

    A method that waits raises Unavailable at its deadline, in event-loop seconds. `system` is the
    name of the bus in traces.
    """

    system: str

    async def start(self) -> None:
        """Connect; afterwards the bus reconnects automatically."""
        ...

    async def close(self) -> None:
        """Disconnect. Deliveries that have not ended go back to their queues."""
        ...

    async def declare(self, queues: Sequence[Queue], deadline: float) -> None:
        """Create the queues, with a dead-letter queue each, and bind them to their events.

        Keep existing queues. Raises StateError if a queue exists with another definition.
        """
        ...

    async def publish(self, messages: Sequence[Message], deadline: float) -> None:
        """Publish messages in order and return when all of them are durable.

        Raises Unroutable if an event has no queue; the other messages are published nevertheless.
        After Unavailable, publish all messages again: some of them may not have been published.
        """
        ...

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> Consumer:
        """Deliver the messages of a queue to `receive`, at most `prefetch` at once."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """Remove a handled message."""
        ...

    async def retry(self, delivery: Delivery, delay: float, cause: str) -> None:
        """Deliver the message again as the next attempt, at the earliest after `delay` seconds."""
        ...

    async def dead_letter(self, delivery: Delivery, cause: str) -> None:
        """Move the message to the dead-letter queue of its queue.

        A delivery without a `handle` was stored by its subscription and is in no queue: add its
        message to the dead-letter queue.
        """
        ...

    async def release(self, delivery: Delivery) -> None:
        """Return the message to its queue without counting an attempt."""
        ...

    async def depth(self, queue: str) -> Depth:
        """Count the messages of a queue."""
        ...

    async def dead_letters(self, queue: str, limit: int) -> list[Delivery]:
        """Return the oldest messages of a dead-letter queue, without removing them."""
        ...

    async def replay(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Move dead letters back to their queue as first attempts; return their ids.

        The messages keep their failures.
        """
        ...

    async def replace(self, queue: str, id: str, body: bytes) -> bool:
        """Replace the body of a dead letter; return False if it does not exist."""
        ...

    async def drop(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Delete dead letters; return the ids that were deleted."""
        ...


def dead_letter_queue(queue: str) -> str:
    """Return the name of the dead-letter queue of a queue."""
    return f"{queue}.dlq"


def add_failure(delivery: Delivery, now: float, cause: str) -> tuple[Failure, ...]:
    """Return the latest failures of a message, including a new one with this cause."""
    failure = Failure(now, delivery.attempt, cause[:MAX_CAUSE])
    return (*delivery.failures, failure)[-MAX_FAILURES:]
