"""Create the endpoint of a handler; its code and signature determine the class."""

from __future__ import annotations

import inspect
import opcode
from collections.abc import Callable
from functools import wraps
from types import CodeType, FunctionType
from typing import Any, get_args, get_origin

import msgspec

from ..binding.binding import Binding
from ..binding.parameter import REQUIRED, TRANSACTIONS, Parameter, Signature
from ..binding.signature import read_signature
from ..binding.value_types import form_of
from ..errors import BindError
from ..execution.concurrency_limit import MAX_TASKS, MAX_THREADS
from ..execution.context import ExecutionContext
from ..functions.descriptions import Http
from ..resources import Resources
from ..streaming.stream import Stream, is_stream
from .function import (
    CoroutineFunction,
    Definition,
    DirectFunction,
    HttpFunction,
    SnapshotFunction,
    ThreadFunction,
    TransactionFunction,
)

# The default of `concurrency` for streams with a Snapshot. Such a stream may hold its database
# connection for long, and a process has few for reading: 8 on SQLite, 4 on PostgreSQL.
MAX_STREAMED_SNAPSHOTS = 2

_SEND = opcode.opmap["SEND"]
_GENERATES = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def make_function(
    handler: Callable[..., Any],
    description: Http,
    service: str,
    file: str,
    resources: Resources,
    execution: ExecutionContext,
    generation: object = None,
) -> HttpFunction:
    """Bind `handler` and return its endpoint. Raises BindError."""
    place = _place(handler, file)
    plain, generates = _check(handler, place)
    signature = read_signature(handler, description, place)
    tx = next((each for each in signature.parameters if each.kind in TRANSACTIONS), None)
    streams = generates or is_stream(signature.returns)
    if tx is not None:
        _check_transaction(tx, handler.__code__, place, streams=streams)
    if generates and description.retries:
        raise BindError(
            f"retries={description.retries}: a generator cannot be retried, since items were sent",
            where=place,
            fix="remove retries",
        )
    if streams and description.respond_async:
        raise BindError(
            "respond_async=True: a streamed reply cannot be stored",
            where=place,
            fix="remove respond_async",
        )
    name = f"{service}.{handler.__name__}"
    called = _positional(handler, signature)
    if generates:
        called = _streaming(called, signature.returns)
    binding = Binding(signature, name, resources, _returns_json(signature.returns), place)
    definition = Definition(
        name, service, description, called, binding, resources, execution, file, generation
    )
    if tx is not None and tx.kind == "snapshot":
        max_running = MAX_STREAMED_SNAPSHOTS if streams else MAX_TASKS
        return SnapshotFunction(definition, streams=generates, max_running=max_running)
    if tx is not None:
        return TransactionFunction(definition)
    return _choose_kind(definition, handler.__code__, generates=generates, plain=plain)


def _choose_kind(
    definition: Definition, code: CodeType, *, generates: bool, plain: bool
) -> HttpFunction:
    """Return an endpoint of the class that can run `code`."""
    if generates:
        max_running = MAX_TASKS if code.co_flags & inspect.CO_ASYNC_GENERATOR else MAX_THREADS
        return CoroutineFunction(definition, streams=True, max_running=max_running)
    if plain:
        return ThreadFunction(definition)
    if definition.description.retries or may_wait(code):
        return CoroutineFunction(definition)
    description = definition.description
    is_keyed = description.method == "POST" or description.respond_async
    return DirectFunction(definition, keyed=CoroutineFunction(definition) if is_keyed else None)


def may_wait(code: CodeType) -> bool:
    """Return whether the code of a coroutine has an `await`, `async with` or `async for`."""
    return _SEND in code.co_code[::2]


def _place(handler: Any, file: str) -> str:
    code = getattr(inspect.unwrap(handler), "__code__", None)
    line = getattr(code, "co_firstlineno", 1)
    return f"{file}:{line}: {getattr(handler, '__name__', repr(handler))}"


def _check(handler: Any, place: str) -> tuple[bool, bool]:
    """Return whether `handler` is a plain `def`, and whether it is a generator function.

    Raises BindError if `handler` cannot be an endpoint.
    """
    inner = inspect.unwrap(handler)
    if not isinstance(handler, FunctionType) or not isinstance(inner, FunctionType):
        raise BindError(
            "only a function can be an endpoint", where=place, fix="decorate a def or async def"
        )
    if handler.__code__.co_flags & _GENERATES:
        return False, True
    plain = not handler.__code__.co_flags & inspect.CO_COROUTINE
    if plain and inner.__code__.co_flags & inspect.CO_COROUTINE:
        raise BindError(
            "a decorator with a plain `def` wraps an `async def`",
            where=place,
            fix="write the wrapper of the decorator as `async def`",
        )
    return plain, False


def _check_transaction(tx: Parameter, code: CodeType, place: str, *, streams: bool) -> None:
    """Raise BindError if a function cannot use its `Tx` or `Snapshot`."""
    kind = tx.type.__name__
    if tx.kind == "tx" and streams:
        raise BindError(
            f"parameter {tx.name!r}: a stream cannot use a Tx, since its reply is sent before the "
            "commit",
            where=place,
            fix=f"read with `{tx.name}: Snapshot`, or return the complete result",
        )
    if not code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise BindError(
            f"parameter {tx.name!r}: a plain `def` cannot use a {kind}",
            where=place,
            fix=f"write `async def`, and `await {tx.name}.execute(...)`",
        )


def _positional(handler: Callable[..., Any], signature: Signature) -> Callable[..., Any]:
    """Return a callable that takes all arguments of `handler` by position."""
    names = [parameter.name for parameter in signature.parameters if parameter.keyword]
    if not names:
        return handler
    first = len(signature.parameters) - len(names)

    @wraps(handler)
    def call_by_position(*arguments: Any) -> Any:
        return handler(*arguments[:first], **dict(zip(names, arguments[first:], strict=True)))

    return call_by_position


def _streaming(generator: Callable[..., Any], returns: Any) -> Callable[..., Any]:
    """Return a coroutine function that returns the items of a generator as a Stream."""
    arguments = get_args(returns)
    json = arguments[0] not in (str, bytes) if arguments else None

    @wraps(generator)
    async def stream(*arguments: Any) -> Stream:
        result = Stream(generator(*arguments))
        result.json = json
        return result

    return stream


def _returns_json(returns: Any) -> bool:
    """Return whether a return annotation allows only JSON."""
    if returns is REQUIRED or returns is None or returns is str:
        return False
    origin = get_origin(returns)
    if origin in (list, dict, tuple):
        return True
    if isinstance(returns, type):
        return form_of(returns) is not None or issubclass(returns, list | dict | msgspec.Struct)
    return bool(get_args(returns)) and form_of(returns) == "body"
