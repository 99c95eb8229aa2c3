"""A function, ready to be called."""

from __future__ import annotations

import inspect
import opcode
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import wraps
from time import monotonic
from types import FunctionType
from typing import Any, get_args, get_origin

import msgspec

from ..binding.binding import FAULTS, Binding
from ..binding.parameter import REQUIRED, Signature
from ..binding.shapes import shape
from ..binding.signature import read_signature
from ..errors import BindError
from ..execution.concurrency_limit import ConcurrencyLimit
from ..execution.in_flight_call import BUSY, InFlightCall, Remainder
from ..execution.replies import Streamed, answered, failed, unavailable
from ..execution.thread_pool import POOL
from ..functions.descriptions import Http, Mount
from ..http.call import Call
from ..http.reply import Reply
from ..idempotency.execution import keyed
from ..idempotency.rules import FIELD
from ..overload.cost import Cost
from ..resources import Resources
from ..streaming.stream import Stream

# What one function may run at once when it does not say; a half of the threads is for others.
TASKS = 1_000
THREADS = 32
HANDED = 0.0001  # seconds that the loop needs to hand a call to a thread and take its result
_SEND = opcode.opmap["SEND"]
_GENERATES = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


class Function:
    """Answer calls with one handler of a service.

    `name` is "<service>.<handler>"; `file` and `line` are for people. `invoke(call)` never raises:
    what goes wrong is a reply. It answers at once when the handler has nothing to wait for, else
    with an awaitable that may be cancelled when nobody waits any more: if it ever `waits`. `cost`
    is what a call costs the event loop.
    """

    description: Http | Mount
    streams: bool
    waits = True

    __slots__ = (
        "__weakref__",
        "binding",
        "cost",
        "description",
        "doc",
        "file",
        "generation",
        "handler",
        "line",
        "name",
        "resources",
        "service",
        "status",
        "timeout",
    )

    def __init__(
        self,
        name: str,
        service: str,
        description: Http | Mount,
        handler: Callable[..., Any],
        binding: Binding,
        resources: Resources,
        file: str,
        generation: object = None,
    ) -> None:
        self.name = name
        self.service = service
        self.description = description
        self.handler = handler
        self.binding = binding
        self.resources = resources
        self.cost = Cost()
        self.file = file
        self.line: int = inspect.unwrap(handler).__code__.co_firstlineno
        self.doc: str = inspect.cleandoc(handler.__doc__ or "")
        self.generation = generation
        self.status = description.status if isinstance(description, Http) else 200
        self.timeout = description.timeout

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete."""
        raise NotImplementedError

    async def start(self) -> None:
        """Begin what lives as long as its generation serves: a mounted app's lifespan."""

    async def stop(self) -> None:
        """End it when the calls in flight have ended."""

    @property
    def keeps(self) -> bool:
        """Tell whether calls may have an Idempotency-Key, under which the answer is kept."""
        description = self.description
        return "POST" in description.methods and not description.public and not self.streams

    @property
    def route(self) -> str:
        """Return what tells the function from others, also after it was renamed."""
        return f"{self.description.method_label} {self.description.template}"

    def refused(self, call: Call, error: BaseException) -> Reply:
        """Return the reply to a call whose arguments cannot be read."""
        if isinstance(error, FAULTS):
            try:
                return self.binding.refusal(call)
            except Exception as worse:
                return failed(call, self.name, worse)
        return failed(call, self.name, error)

    def __repr__(self) -> str:
        return f"<Function {self.name}, {self.route}>"


class HttpFunction(Function):
    """Answer one method of a path with a handler of the function file."""

    __slots__ = ()
    description: Http


class DirectFunction(HttpFunction):
    """A coroutine without a point to wait at: run here and now, without a task.

    A call with an Idempotency-Key may wait for another: `waiting` answers it.
    """

    __slots__ = ("_gate", "waiting")
    threaded = streams = waits = False

    def __init__(self, *arguments: Any, waiting: ConcurrentFunction | None) -> None:
        super().__init__(*arguments)
        self.waiting = waiting

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call at once, unless it returns a stream."""
        if self.waiting is not None and FIELD in call.headers:
            return keyed(self.waiting, call)
        if self.binding.timed:  # without a point to wait at, nobody else looks at the clock
            call.deadline = monotonic() + self.timeout
        try:
            arguments = self.binding.arguments(call)
        except BaseException as error:
            return self.refused(call, error)
        coroutine = self.handler(*arguments)
        try:
            copy_context().run(coroutine.send, None)
            coroutine.close()
            raise RuntimeError("a coroutine without await has waited")
        except StopIteration as stop:
            result = stop.value
        except BaseException as error:
            return failed(call, self.name, error)
        try:
            return answered(result, self.status)
        except Streamed as streamed:
            stream = streamed.result
        except Exception as error:
            return failed(call, self.name, error)
        call.deadline = monotonic() + self.timeout
        return begun(self, call, Remainder(self, call, [stream], get_running_loop()))

    @property
    def gate(self) -> ConcurrencyLimit:
        """Return the gate of its streams, made for the first of them."""
        if not hasattr(self, "_gate"):
            self._gate = ConcurrencyLimit(self.description.concurrency or TASKS)
        return self._gate


class ConcurrentFunction(HttpFunction):
    """A function that waits, in a task, or a plain one, in a thread; or a generator (`streams`)."""

    __slots__ = ("gate", "keyed", "streams", "threaded")

    def __init__(
        self, *arguments: Any, threaded: bool, streams: bool, places: int, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self.threaded = threaded
        if threaded:
            self.cost = Cost(HANDED)
        self.streams = streams
        self.keyed = self.description.method == "POST"
        self.gate = ConcurrencyLimit(self.description.concurrency or places)

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Begin one call, or put it in the queue; must be called on a running event loop."""
        now = monotonic()
        if self.threaded and not POOL.admits(now):
            return unavailable(call, BUSY)
        if self.keyed and FIELD in call.headers:
            return keyed(self, call)
        call.deadline = now + self.timeout
        try:
            arguments = self.binding.arguments(call)
        except BaseException as error:
            return self.refused(call, error)
        POOL.expected += self.threaded
        return begun(self, call, InFlightCall(self, call, arguments, get_running_loop()))


def begun(function: Any, call: Call, flight: InFlightCall) -> Reply | Awaitable[Reply]:
    """Return the reply to come of a flight that got a place or waits for one, else a refusal."""
    if function.gate.enter(flight, call.deadline):
        return flight
    flight.timer.cancel()
    return unavailable(call, BUSY)


def waits(code: Any) -> bool:
    """Tell whether a coroutine's code has a point where it may wait: await, async with, for."""
    return _SEND in code.co_code[::2]


def function_of(
    handler: Callable[..., Any],
    description: Http,
    service: str,
    file: str,
    resources: Resources,
    generation: object = None,
) -> HttpFunction:
    """Bind `handler` and return it ready to be called. Raises BindError with the fix."""
    place = _place(handler, file)
    plain, generates = _check(handler, place)
    signature = read_signature(handler, description, place)
    tx = any(parameter.kind == "tx" for parameter in signature.parameters)
    if plain and tx:
        raise BindError(
            f"{place}: parameter {_tx_name(signature)!r}: a `def` cannot use a Tx: "
            "write `async def`, and `await tx.execute(...)`"
        )
    if generates:
        _check_generator(signature, description, place)
    name = f"{service}.{handler.__name__}"
    binding = Binding(signature, name, resources, _says_json(signature.returns), place)
    called = _positional(handler, signature)
    rest: Any = (binding, resources, file, generation)
    if generates:
        parts: Any = (name, service, description, _generating(called, signature.returns))
        places = TASKS if handler.__code__.co_flags & inspect.CO_ASYNC_GENERATOR else THREADS
        return ConcurrentFunction(*parts, *rest, threaded=False, streams=True, places=places)
    parts = (name, service, description, called)
    if plain or tx or description.retries or waits(handler.__code__):
        places = THREADS if plain else TASKS
        return ConcurrentFunction(*parts, *rest, threaded=plain, streams=False, places=places)
    waiting = None
    if description.method == "POST":
        waiting = ConcurrentFunction(*parts, *rest, threaded=False, streams=False, places=TASKS)
    return DirectFunction(*parts, *rest, waiting=waiting)


def _place(handler: Any, file: str) -> str:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    line = getattr(code, "co_firstlineno", 1)
    return f"{file}:{line}: {getattr(handler, '__name__', repr(handler))}"


def _tx_name(signature: Signature) -> str:
    return next(p.name for p in signature.parameters if p.kind == "tx")


def _check_generator(signature: Signature, description: Http, place: str) -> None:
    if any(parameter.kind == "tx" for parameter in signature.parameters):
        raise BindError(
            f"{place}: parameter {_tx_name(signature)!r}: a generator cannot use a Tx, since its "
            "reply is sent before a commit could be: collect in an `async def`, and return a list"
        )
    if description.retries:
        raise BindError(
            f"{place}: retries={description.retries}: what a generator has sent cannot be sent "
            "again: leave retries out"
        )


def _generating(handler: Callable[..., Any], returns: Any) -> Callable[..., Any]:
    """Return a coroutine function that returns the stream of a generator function."""
    json = _item_is_json(returns)

    @wraps(handler)
    async def stream(*arguments: Any) -> Stream:
        made = Stream(handler(*arguments))
        made.json = json
        return made

    return stream


def _item_is_json(returns: Any) -> bool | None:
    """Tell from the annotation of a generator whether its items are JSON, None without one."""
    arguments = get_args(returns)
    return arguments[0] not in (str, bytes) if arguments else None


def _check(handler: Any, place: str) -> tuple[bool, bool]:
    """Return whether `handler` is a plain `def`, and whether it is a generator function.

    Raises BindError for what cannot be run.
    """
    inner = inspect.unwrap(handler)
    if not isinstance(handler, FunctionType) or not isinstance(inner, FunctionType):
        raise BindError(f"{place}: only a function can be an endpoint: decorate a def or async def")
    if handler.__code__.co_flags & _GENERATES:
        return False, True
    plain = not handler.__code__.co_flags & inspect.CO_COROUTINE
    if plain and inner.__code__.co_flags & inspect.CO_COROUTINE:
        raise BindError(
            f"{place}: a plain decorator wraps an `async def`: make its wrapper `async def` too"
        )
    return plain, False


def _positional(handler: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    """Return `handler` as it takes all its arguments by position."""
    names = [parameter.name for parameter in signature.parameters if parameter.keyword]
    if not names:
        return handler
    first = len(signature.parameters) - len(names)

    @wraps(handler)  # its place and its words are the handler's
    def called(*arguments: Any) -> Any:
        return handler(*arguments[:first], **dict(zip(names, arguments[first:], strict=True)))

    return called


def _says_json(returns: Any) -> bool:
    """Tell whether a return annotation leaves no answer but JSON."""
    if returns is REQUIRED or returns is None or returns is str:
        return False
    origin = get_origin(returns)
    if origin in (list, dict, tuple):
        return True
    if isinstance(returns, type):
        return shape(returns) is not None or issubclass(returns, list | dict | msgspec.Struct)
    return bool(get_args(returns)) and shape(returns) == "body"
