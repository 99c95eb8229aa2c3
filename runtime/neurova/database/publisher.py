"""`tx.publish`: write the events of a transaction into the outbox before its commit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..events.codec import InvalidEvent, codec_of
from ..events.event import Event
from ..traces.conventions import message_attributes
from ..traces.current import CURRENT, format_traceparent, record_span
from ..traces.span import PRODUCER
from .base import CommitCallbacks, TransactionError

if TYPE_CHECKING:
    from .base import Transaction

_INSERT = (
    "INSERT INTO nv_outbox (id, event, body, schema, time, trace_id) "
    "VALUES ($1, $2, $3, $4, $5, $6)"
)


class EventPublisher(CommitCallbacks):
    """The part of a transaction that collects events to publish and callbacks to run."""

    __slots__ = ("published",)
    _readonly: bool

    def __init__(self) -> None:
        super().__init__()
        self.published: list[tuple[Any, ...]] = []

    def publish(self, event: Event) -> str:
        """Publish an event when the transaction commits; return the event's id.

        Raises TransactionError in a read-only or ended transaction, InvalidEvent if a value does
        not fit its type or the event is too large.
        """
        self._check_open()
        if self._readonly:
            raise TransactionError.read_only()
        if not isinstance(event, Event):
            raise InvalidEvent(
                f"{type(event).__name__} is not an event", fix="define it as `class Name(Event)`"
            )
        encoded = codec_of(type(event)).encode(event)
        id = uuid4().hex
        with record_span(f"create {encoded.name}", PRODUCER) as span:
            span.attributes |= message_attributes("create", encoded.name, id)
            trace = format_traceparent(CURRENT.get())
        self.published.append((id, encoded.name, encoded.body, encoded.schema, time.time(), trace))
        return id

    def forget(self) -> None:
        """Discard events and callbacks, because their changes were rolled back."""
        self.published.clear()
        self.callbacks.clear()


async def write_outbox(transaction: Transaction) -> None:
    """Write the published events into the outbox, as part of the transaction."""
    await transaction.run_at_commit(_INSERT, *transaction.published)
