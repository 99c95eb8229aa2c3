"""A function that receives events: its parameters and its events' codecs."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from ..bus.base import Message, Queue
from ..database.base import Transaction
from ..events.codec import EventCodec, FindSchema, UndecodableEvent, codec_of
from ..events.event import Event
from ..functions.subscription import Subscription
from .background import BackgroundFunction, Definition


class SubscriptionFunction(BackgroundFunction[Subscription]):
    """Call one handler with events.

    `name` is also the name of its queue. Raises BindError if the signature cannot be bound.
    """

    kind = "subscription"
    value = "event"
    fix = "annotate one parameter with the event, and others with Tx, Deadline, Mail, Secret or Log"
    when_given_up = "dead-lettered"

    def __init__(self, definition: Definition[Subscription]) -> None:
        super().__init__(definition)
        if "event" not in self.kinds.values():
            raise self.fault("it has no parameter for the event")
        self.codecs: dict[str, EventCodec[Any]] = {
            codec.name: codec for codec in map(codec_of, self.description.events)
        }
        names, ordered = self.description.event_names, bool(self.description.ordered)
        self.queue = Queue(self.name, names, ordered)

    def is_value(self, annotation: Any) -> bool:
        """Return whether an annotation names exactly the events of the subscription."""
        is_union = get_origin(annotation) in (Union, UnionType)
        return set(get_args(annotation) if is_union else [annotation]) == set(
            self.description.events
        )

    def decode(self, message: Message, find_schema: FindSchema) -> Event:
        """Return the event of a message. Raises UndecodableEvent."""
        codec = self.codecs.get(message.event)
        if codec is None:
            raise UndecodableEvent(
                f"{self.name} does not receive event {message.event!r}",
                where=f"{self.file}:{self.line}",
                fix="drop it, or add the event to the function's @on",
            )
        event: Event = codec.decode(message.body, find_schema)
        return event

    def order_key(self, event: Event) -> str:
        """Return the value by which the event is ordered."""
        return str(getattr(event, self.description.ordered))

    async def give_up(self, message: Message, find_schema: FindSchema) -> None:
        """Prepare for the dead-lettering of a message; subclasses may override this."""

    async def call(
        self, event: Event, message: Message, deadline: float, tx: Transaction | None
    ) -> None:
        """Call the handler. Raises the errors of the handler."""
        await self.call_with(event, message.id, deadline, tx)
