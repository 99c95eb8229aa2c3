"""A function that receives events: its signature, its arguments and its events' codecs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from types import FunctionType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from ..binding.injection import injectable_of
from ..bus.base import Message, Queue
from ..database.base import Transaction
from ..errors import BindError
from ..events.codec import EventCodec, FindSchema, UndecodableEvent, codec_of
from ..events.event import Event
from ..execution.deadline import Deadline
from ..functions.subscription import Subscription
from ..resources import Resources
from ..telemetry.log import Log

_FIX = "annotate one parameter with the event, and others with Tx, Deadline, Mail or Log"


class Definition(NamedTuple):
    """A handler, where it is declared, and its dependencies."""

    handler: Callable[..., Any]
    description: Subscription
    service: str
    file: str
    resources: Resources
    generation: object = None


class SubscriptionFunction:
    """Call one handler with events.

    `name` is "<service>.<handler>", also the name of its queue. Raises BindError if the signature
    cannot be bound.
    """

    def __init__(self, definition: Definition) -> None:
        handler, description, service, file, resources, generation = definition
        self.handler = handler
        self.description = description
        self.service = service
        self.file = file
        self.line = getattr(getattr(handler, "__code__", None), "co_firstlineno", 1)
        self.name = f"{service}.{getattr(handler, '__name__', 'handler')}"
        self.doc = inspect.cleandoc(handler.__doc__ or "")
        self.resources = resources
        self.generation = generation
        self.is_coroutine = inspect.iscoroutinefunction(handler)
        self.kinds = self._bind()
        if not self.is_coroutine and "tx" in self.kinds.values():
            raise self._fault("a plain `def` cannot use a Tx", "write `async def`")
        self.codecs: dict[str, EventCodec[Any]] = {
            codec.name: codec for codec in map(codec_of, description.events)
        }
        self.queue = Queue(self.name, description.event_names, bool(description.ordered))

    @property
    def uses_transaction(self) -> bool:
        """Whether the handler takes a `Tx`."""
        return "tx" in self.kinds.values()

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

    async def call(
        self, event: Event, message: Message, deadline: float, tx: Transaction | None
    ) -> None:
        """Call the handler. Raises what it raises."""
        given: dict[str, Callable[[], Any]] = {
            "event": lambda: event,
            "tx": lambda: tx,
            "deadline": lambda: Deadline(deadline),
            "mail": lambda: self.resources.mail(f"{message.id}.{self.name}"),
            "log": lambda: Log(self.name, "", int(message.trace_id or "0", 16)),
        }
        arguments = {name: given[kind]() for name, kind in self.kinds.items()}
        if self.is_coroutine:
            await self.handler(**arguments)
        else:
            await asyncio.to_thread(self.handler, **arguments)

    def _bind(self) -> dict[str, str]:
        """Return the kind of each parameter by its name."""
        if not isinstance(self.handler, FunctionType) or inspect.isgeneratorfunction(self.handler):
            raise self._fault(
                "only a function can be a subscription", "decorate a def or async def"
            )
        try:
            hints = get_type_hints(self.handler, include_extras=True)
        except Exception as error:
            raise self._fault(f"its annotations cannot be read: {error}", _FIX) from error
        parameters = inspect.signature(self.handler).parameters.values()
        kinds = {each.name: self._kind(each, hints.get(each.name)) for each in parameters}
        for kind in ("event", "tx"):
            if list(kinds.values()).count(kind) > 1:
                raise self._fault(f"it has two parameters for the {kind}", _FIX)
        if "event" not in kinds.values():
            raise self._fault("it has no parameter for the event", _FIX)
        return kinds

    def _kind(self, parameter: inspect.Parameter, annotation: Any) -> str:
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if parameter.kind in (*variadic, inspect.Parameter.POSITIONAL_ONLY):
            raise self._fault(f"parameter {parameter.name!r} cannot be bound", _FIX)
        is_union = get_origin(annotation) in (Union, UnionType)
        if set(get_args(annotation) if is_union else [annotation]) == set(self.description.events):
            return "event"
        injectable = injectable_of(annotation)
        if injectable is None or injectable.kind not in ("tx", "deadline", "mail", "log"):
            raise self._fault(f"parameter {parameter.name!r} cannot be bound", _FIX)
        return injectable.kind

    def _fault(self, what: str, fix: str) -> BindError:
        return BindError(what, where=f"{self.file}:{self.line}: {self.name}", fix=fix)
