"""Functions bound to HTTP requests: one class for each way to run a function."""

from __future__ import annotations

import inspect
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from ..asgi.app import AsgiApp, AsgiSource
from ..asgi.request import make_scope
from ..binding.binding import FAULTS, Binding
from ..database.base import KeyLock, Transaction, TransactionError
from ..execution.concurrency_limit import MAX_TASKS, MAX_THREADS, ConcurrencyLimit
from ..execution.context import ExecutionContext
from ..execution.failures import failure_reply
from ..execution.in_flight_call import Delivery, InFlightCall, start_call
from ..execution.snapshot import Snapshot
from ..execution.transaction import run_in_transaction
from ..functions.descriptions import Http
from ..http.call import Call
from ..http.reply import Reply
from ..idempotency.execution import KeyedRun, KeyedTransactionRun, answer_keyed_call
from ..idempotency.rules import FIELD
from ..resources import Resources
from ..streaming.items import ItemSource
from ..streaming.response_stream import SourceDelivery
from ..streaming.stream import Stream
from ..traces.current import CURRENT
from .endpoint import Endpoint
from .results import make_reply


class Definition(NamedTuple):
    """A handler, its binding and its dependencies."""

    name: str
    service: str
    description: Http
    handler: Callable[..., Any]
    binding: Binding
    resources: Resources
    execution: ExecutionContext
    file: str
    generation: object = None


class HttpFunction(Endpoint):
    """The endpoint of a function; subclasses run the function."""

    __slots__ = ("binding", "execution", "handler", "resources", "status")
    description: Http
    streams: bool
    """Whether the handler is a generator function."""

    def __init__(self, definition: Definition) -> None:
        description, handler = definition.description, definition.handler
        super().__init__(
            definition.name,
            definition.service,
            description,
            file=definition.file,
            line=inspect.unwrap(handler).__code__.co_firstlineno,
            doc=inspect.cleandoc(handler.__doc__ or ""),
            generation=definition.generation,
        )
        self.handler = handler
        self.binding = definition.binding
        self.resources = definition.resources
        self.execution = definition.execution
        self.status = description.status
        self.retries = description.retries
        self.backoff = description.backoff

    @property
    def stores_replies(self) -> bool:
        """Whether calls may have an Idempotency-Key."""
        description = self.description
        return description.method == "POST" and not description.public and not self.streams

    def refuse(self, call: Call, error: BaseException) -> Reply:
        """Return the reply to a call with invalid arguments."""
        if isinstance(error, FAULTS):
            try:
                return self.binding.refusal(call)
            except Exception as unexpected:
                return failure_reply(call, self.name, unexpected)
        return failure_reply(call, self.name, error)

    def delivery(self, result: Stream | AsgiApp) -> Delivery:
        """Return the delivery of a streamed result."""
        if isinstance(result, Stream):
            return SourceDelivery(ItemSource(result, self.status, self.execution.thread_pool))
        return SourceDelivery(AsgiSource(result, make_scope, private=not self.description.public))

    def take_arguments(self, in_flight: InFlightCall) -> list[Any]:
        """Return the arguments of one run; bind them again for a retry, as they are mutable."""
        arguments, in_flight.arguments = in_flight.arguments, None
        return self.binding.arguments(in_flight.call) if arguments is None else arguments

    def _concurrency_limit(self, default: int) -> ConcurrencyLimit:
        limit = self.description.concurrency or default
        return ConcurrencyLimit(limit, refusals=self.execution.refusals)


class DirectFunction(HttpFunction):
    """An `async def` without any `await`: runs immediately, without a task.

    `keyed` runs calls that may have to wait: calls with an Idempotency-Key and asynchronous calls.
    """

    __slots__ = ("_streams", "keyed")
    runs_in_thread = streams = False

    def __init__(self, definition: Definition, keyed: CoroutineFunction | None) -> None:
        super().__init__(definition)
        self.keyed = keyed
        self._streams: ConcurrencyLimit | None = None

    @property
    def concurrency(self) -> ConcurrencyLimit:
        """The limit of streams, created for the first stream: few of these functions stream."""
        if self._streams is None:
            self._streams = self._concurrency_limit(MAX_TASKS)
        return self._streams

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call immediately, unless the function returns a stream."""
        if self.keyed is not None and FIELD in call.headers and call.method == "POST":
            return answer_keyed_call(self.keyed, call)
        if self.binding.timed:  # only for Deadline: a function that never waits cannot time out
            call.deadline = monotonic() + self.timeout
        try:
            arguments = self.binding.arguments(call)
        except BaseException as error:
            return self.refuse(call, error)
        coroutine = self.handler(*arguments)
        try:
            copy_context().run(_start, coroutine, call)
            coroutine.close()
            raise RuntimeError("A coroutine without await was suspended")
        except StopIteration as stop:
            result = stop.value
        except BaseException as error:
            return failure_reply(call, self.name, error)
        try:
            reply = make_reply(result, self.status)
        except Exception as error:
            return failure_reply(call, self.name, error)
        return reply if isinstance(reply, Reply) else self._start_stream(call, reply)

    def _start_stream(self, call: Call, result: Stream | AsgiApp) -> Reply | Awaitable[Reply]:
        delivery = self.delivery(result)

        async def run(_: InFlightCall) -> Delivery:
            return delivery

        call.deadline = monotonic() + self.timeout
        return start_call(InFlightCall(self, call, None, run, get_running_loop()))


def _start(coroutine: Coroutine[Any, Any, Any], call: Call) -> None:
    """Run a coroutine without awaits, with `call` as the current operation of the trace."""
    CURRENT.set(call.span or call)
    coroutine.send(None)


class ConcurrentFunction(HttpFunction):
    """A function whose calls run in tasks, concurrently up to its limit."""

    __slots__ = ("accepts_keys", "concurrency", "streams")
    runs_in_thread = False

    def __init__(
        self, definition: Definition, *, streams: bool = False, max_running: int = MAX_TASKS
    ) -> None:
        super().__init__(definition)
        self.streams = streams
        self.accepts_keys = self.description.method == "POST"
        self.concurrency = self._concurrency_limit(max_running)

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Start or queue one call; call this on a running event loop."""
        if self.accepts_keys and FIELD in call.headers:
            return answer_keyed_call(self, call)
        call.deadline = monotonic() + self.timeout
        try:
            arguments = self.binding.arguments(call)
        except BaseException as error:
            return self.refuse(call, error)
        return start_call(InFlightCall(self, call, arguments, self.run, get_running_loop()))

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler once. Raises the errors of the handler."""
        raise NotImplementedError

    def keyed_run(self, key_lock: KeyLock, digest: bytes) -> KeyedRun:
        """Return a run that stores its reply under the key of `key_lock`."""
        return KeyedRun(self, key_lock, digest)


class CoroutineFunction(ConcurrentFunction):
    """An `async def` with an `await`, or a generator function (`streams`)."""

    __slots__ = ()

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler in the task of the call."""
        reply = make_reply(await self.handler(*self.take_arguments(in_flight)), self.status)
        return reply if isinstance(reply, Reply) else self.delivery(reply)


class TransactionFunction(ConcurrentFunction):
    """An `async def` with a `Tx`."""

    __slots__ = ()

    def run(self, in_flight: InFlightCall) -> Coroutine[Any, Any, Reply]:
        """Run the handler in a transaction; retry after a conflict."""
        readonly = self.description.method == "GET"
        deadline = in_flight.call.deadline
        transaction = self.resources.database().transaction(readonly=readonly, deadline=deadline)
        body = partial(self.call_handler, in_flight)
        return run_in_transaction(transaction, body, in_flight, shield_commit=not readonly)

    def keyed_run(self, key_lock: KeyLock, digest: bytes) -> KeyedRun:
        """Return a run that stores its reply under the key of `key_lock`."""
        return KeyedTransactionRun(self, key_lock, digest)

    async def call_handler(self, in_flight: InFlightCall, tx: Transaction) -> Reply:
        """Await the handler with `tx` and return its reply."""
        arguments = self.take_arguments(in_flight)
        arguments[self.binding.tx] = tx
        reply = make_reply(await self.handler(*arguments), self.status)
        if not isinstance(reply, Reply):
            raise TransactionError(
                "a function with a Tx is answered after its commit, so it cannot return a stream "
                "or a background task",
                where=self.name,
                fix="read with a Snapshot, or call `tx.after_commit`",
            )
        return reply


class SnapshotFunction(CoroutineFunction):
    """An `async def` or async generator with a `Snapshot`, which closes after the reply."""

    __slots__ = ()

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler with a new snapshot."""
        deadline = in_flight.call.deadline
        transaction = self.resources.database().transaction(readonly=True, deadline=deadline)
        snapshot = Snapshot(transaction, self.timeout)
        in_flight.after_reply += (snapshot.close,)
        arguments = in_flight.arguments = self.take_arguments(in_flight)
        arguments[self.binding.tx] = snapshot
        try:
            return await super().run(in_flight)
        except BaseException:
            await snapshot.close()
            raise


class ThreadFunction(ConcurrentFunction):
    """A plain `def`: runs in a thread of the pool."""

    __slots__ = ()
    runs_in_thread = True

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition, max_running=MAX_THREADS)

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler in a thread."""
        arguments = self.take_arguments(in_flight)
        in_flight.work = self.execution.thread_pool.run(self.handler, arguments)
        result, error = await in_flight.work
        if error is not None:
            raise error
        reply = make_reply(result, self.status)
        return reply if isinstance(reply, Reply) else self.delivery(reply)
