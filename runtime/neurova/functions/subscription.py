"""The description of a subscription, and its decorator `on`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypedDict, TypeVar, Unpack

import msgspec

from ..errors import LoadError
from ..events.event import Event, event_name
from .decorators import attach
from .descriptions import describe

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Subscription(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The events that a function receives, and how its failures are retried.

    `ordered` names a field: events with the same value are handled in order; "" for any order.
    `backoff` is in seconds and doubles with each retry.
    """

    events: tuple[Any, ...]
    ordered: str = ""
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 10
    backoff: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 30.0
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    prefetch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50

    @property
    def event_names(self) -> tuple[str, ...]:
        """Return the names of the events."""
        return tuple(map(event_name, self.events))


class SubscriptionOptions(TypedDict, total=False):
    """The options of `on`."""

    ordered: str
    retries: int
    backoff: float
    timeout: float
    concurrency: int
    prefetch: int


def on(
    *events: type[Event], **options: Unpack[SubscriptionOptions]
) -> Callable[[Handler], Handler]:
    """Receive events: the function is called for each one, at least once.

    The function itself is returned unchanged. `ordered` names a field: events with the same value
    are handled in order. A failed call is repeated up to `retries` times, first after `backoff`
    seconds; then the event goes to the dead-letter queue. `timeout` limits one call, in seconds.
    `concurrency` is the maximum number of calls at once in one process, `prefetch` the number of
    events that one process holds. Raises LoadError for an invalid option.
    """
    description = describe(Subscription, {**options, "events": events})
    _check_events(description)
    return attach(description)


def _check_events(description: Subscription) -> None:
    """Raise LoadError for something that is not an event, and for a missing `ordered` field."""
    if not description.events:
        raise LoadError("`on` needs an event", fix="write @on(BookingCreated)")
    for event in description.events:
        if not isinstance(event, type) or not issubclass(event, Event) or event is Event:
            name = getattr(event, "__name__", repr(event))
            raise LoadError(f"{name} is not an event", fix="define it as `class Name(Event)`")
        if description.ordered and description.ordered not in event.__struct_fields__:
            raise LoadError(
                f"ordered={description.ordered!r}: {event.__name__} has no such field",
                fix=f"use one of {', '.join(event.__struct_fields__)}",
            )
