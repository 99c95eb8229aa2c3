"""The base class of events."""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

import msgspec

from ..errors import LoadError

MAX_SIZE = 256 << 10
"""The maximum size of an encoded event in bytes."""

_PACKAGE = "functions."


def service_of(module: str) -> str:
    """Return the service in a module's name: "booking" for "functions.booking~3.domain"."""
    if not module.startswith(_PACKAGE):
        return ""
    return module.removeprefix(_PACKAGE).partition(".")[0].partition("~")[0]


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class _EventType(msgspec.StructMeta):
    """Accept `source=` in the definition of an event class."""

    def __new__(
        metaclass,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        source: str = "",
        **options: Any,
    ) -> Any:
        created: Any = super().__new__(metaclass, name, bases, namespace, **options)
        created.__event_source__ = source or service_of(namespace.get("__module__", ""))
        return created


class Event(msgspec.Struct, frozen=True, metaclass=_EventType):
    """Something that happened, published with `tx.publish` and received with `@on`.

    To receive an event of another service, declare a class with the same name and the fields that
    you use: `class BookingCreated(Event, source="booking")`.
    """


AnyEvent = TypeVar("AnyEvent", bound=Event)


def event_name(event: type[Event]) -> str:
    """Return "<service>.<class>", the name under which an event is published.

    Raises LoadError if the class belongs to no service.
    """
    source = getattr(event, "__event_source__", "")
    if not source:
        raise LoadError(
            f"event {event.__name__} belongs to no service",
            fix=f"define it in a file under functions/, or write `class {event.__name__}(Event, "
            'source="<service>")`',
        )
    return f"{source}.{event.__name__}"
