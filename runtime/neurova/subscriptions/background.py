"""A function that an event or a schedule calls: signature, arguments and transactions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import FunctionType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, get_type_hints

from ..binding.injection import Source, injectable_of
from ..database.base import Transaction
from ..errors import BindError
from ..execution.callbacks import run_callbacks
from ..execution.deadline import Deadline
from ..execution.transaction import TaskRun, run_in_transaction
from ..resources import Resources
from ..telemetry.log import Log
from ..traces.current import CURRENT
from ..traces.trace import TRACE


def _trace_id() -> int:
    running = CURRENT.get()
    return 0 if running is None else running.trace_id


KINDS = frozenset(("tx", "deadline", "mail", "log", "trace", "http client"))
"""The kinds of parameters that a function without a request can have, beside its value."""


class Options(Protocol):
    """The options of every background function; `backoff` and `timeout` are in seconds."""

    @property
    def retries(self) -> int:
        """Return how often a failed call is repeated."""
        ...

    @property
    def backoff(self) -> float:
        """Return the seconds until the first retry."""
        ...

    @property
    def timeout(self) -> float:
        """Return the timeout of one call in seconds."""
        ...


D = TypeVar("D", bound=Options)


class Definition(NamedTuple, Generic[D]):
    """A handler, where it is declared, and its dependencies."""

    handler: Callable[..., Any]
    description: D
    service: str
    file: str
    resources: Resources
    generation: object = None


class BackgroundFunction(Generic[D]):
    """Call one handler with a value and the resources that its parameters request.

    `name` is "<service>.<handler>". Subclasses define the value (an event, a time) and its name in
    errors. Raises BindError if the signature cannot be bound.
    """

    kind = "function"
    value = "value"
    fix = ""
    when_given_up = "given up"

    def __init__(self, definition: Definition[D]) -> None:
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
        self._sources: dict[str, Source] = {}
        self.kinds = self._bind()
        if not self.is_coroutine and self.uses_transaction:
            raise self.fault("a plain `def` cannot use a Tx", "write `async def`")

    @property
    def uses_transaction(self) -> bool:
        """Whether the handler takes a `Tx`."""
        return "tx" in self.kinds.values()

    def is_value(self, annotation: Any) -> bool:
        """Return whether a parameter with this annotation takes the value."""
        raise NotImplementedError

    async def call_with(self, value: Any, id: str, deadline: float, tx: Transaction | None) -> None:
        """Call the handler with `value`. Raises the errors of the handler.

        `id` is the same for each attempt with this value, and becomes part of the ids of mails.
        """
        given: dict[str, Source] = {
            self.value: lambda: value,
            "tx": lambda: tx,
            "deadline": lambda: Deadline(deadline),
            "mail": lambda: self.resources.mail(f"{id}.{self.name}"),
            "trace": lambda: TRACE,
            "http client": self.resources.http_client,
            "log": lambda: Log(self.name, "", _trace_id(), self.resources.log),
        }
        sources = {name: given[kind] for name, kind in self.kinds.items() if kind in given}
        arguments = {name: source() for name, source in (sources | self._sources).items()}
        if self.is_coroutine:
            await self.handler(**arguments)
        else:
            await asyncio.to_thread(self.handler, **arguments)

    async def transact(
        self,
        body: Callable[[Transaction], Awaitable[Any]],
        begin: Callable[[float], Transaction] | None = None,
    ) -> Any:
        """Run `body` in a transaction of the service's database, then the after-commit callbacks.

        `begin`, if given, begins the transaction; its argument is a deadline in event-loop seconds.
        """
        timeout = self.description.timeout
        deadline = asyncio.get_running_loop().time() + timeout
        if begin is None:
            transaction = self.resources.database().transaction(readonly=False, deadline=deadline)
        else:
            transaction = begin(deadline)
        run = TaskRun()
        result = await run_in_transaction(transaction, body, run)
        await run_callbacks(run.after_reply, self.name, timeout)
        return result

    def fault(self, what: str, fix: str = "") -> BindError:
        """Return the error for an invalid declaration."""
        where = f"{self.file}:{self.line}: {self.name}"
        return BindError(what, where=where, fix=fix or self.fix)

    def _bind(self) -> dict[str, str]:
        """Return the kind of each parameter by its name."""
        if not isinstance(self.handler, FunctionType) or inspect.isgeneratorfunction(self.handler):
            raise self.fault(f"only a function can be a {self.kind}", "decorate a def or async def")
        try:
            hints = get_type_hints(self.handler, include_extras=True)
        except Exception as error:
            raise self.fault(f"its annotations cannot be read: {error}") from error
        parameters = inspect.signature(self.handler).parameters.values()
        kinds = {each.name: self._kind(each, hints.get(each.name)) for each in parameters}
        for kind in (self.value, "tx"):
            if list(kinds.values()).count(kind) > 1:
                raise self.fault(f"it has two parameters for the {kind}")
        return kinds

    def _kind(self, parameter: inspect.Parameter, annotation: Any) -> str:
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if parameter.kind in (*variadic, inspect.Parameter.POSITIONAL_ONLY):
            raise self.fault(f"parameter {parameter.name!r} cannot be bound")
        if self.is_value(annotation):
            return self.value
        try:
            injectable = injectable_of(annotation)
        except ValueError as error:
            raise self.fault(f"parameter {parameter.name!r}: {error}") from None
        if injectable is not None and injectable.make_source is not None:
            self._sources[parameter.name] = injectable.make_source(self.name, self.resources)
            return injectable.kind
        if injectable is None or injectable.kind not in KINDS:
            raise self.fault(f"parameter {parameter.name!r} cannot be bound")
        return injectable.kind
