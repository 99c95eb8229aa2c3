"""An HTTP call in flight: its task, its deadline, its retries and its reply."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Future, Task, TimerHandle
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Protocol

from ..database.base import Callback
from ..http.call import Call
from ..http.problem import Reject, problem
from ..http.reply import Reply
from ..traces.current import CURRENT
from .callbacks import run_callbacks
from .concurrency_limit import ConcurrencyLimit
from .failures import (
    LIMIT_REACHED,
    LOGGER,
    STOPPING,
    THREADS_BUSY,
    failure_reply,
    timeout_reply,
    unavailable_reply,
    unwrap_group,
)
from .thread_pool import ThreadPoolFull, Work

GRACE = 1.0  # seconds that a cancelled function has to clean up before its 504 is sent
HOLD = 1.0  # seconds to delay a refusal, which slows down callers that retry at once


class Target(Protocol):
    """A function or a mounted app.

    `streams`: the target must learn immediately that its client has disconnected.
    `runs_in_thread`: a started run cannot be cancelled. `backoff`: seconds before the first retry,
    doubled for each further one.
    """

    name: str
    timeout: float
    retries: int
    backoff: float
    streams: bool
    runs_in_thread: bool

    @property
    def concurrency(self) -> ConcurrencyLimit:
        """The concurrency limit for the calls of this target."""


class Delivery(Protocol):
    """A streamed reply, which the task of the call sends."""

    async def deliver(self, in_flight: InFlightCall) -> Reply | None:
        """Send the reply. Return an error reply if it fails before the head is sent, else None."""
        ...


Run = Callable[["InFlightCall"], Awaitable[Reply | Delivery]]
"""A function that runs the target once; each retry calls it again."""


class InFlightCall(Future[Reply]):
    """The future reply of one call; a task runs the target.

    At the deadline the call cancels the task, and replies with a 504 when the task has cleaned up
    or after GRACE seconds. A thread cannot be cancelled: the 504 is sent immediately, and the call
    counts against the concurrency limit until the thread ends. A commit that has begun is not
    cancelled. Cancelling the call cancels the task. After the reply, the same task runs the
    callbacks in `after_reply`, which count against the concurrency limit; see `run_callbacks`.
    """

    __slots__ = (
        "after_reply",
        "arguments",
        "call",
        "context",
        "has_begun",
        "is_committing",
        "is_expired",
        "on_disconnect",
        "queued_at",
        "run",
        "target",
        "task",
        "timer",
        "work",
    )

    def __init__(
        self,
        target: Target,
        call: Call,
        arguments: list[Any] | None,
        run: Run,
        loop: AbstractEventLoop,
    ) -> None:
        super().__init__(loop=loop)
        self.target = target
        self.call = call
        self.arguments = arguments
        self.run = run
        self.context = copy_context()
        self.context.run(CURRENT.set, call.span or call)
        self.task: Task[None] | None = None
        self.has_begun = False
        self.is_expired = False
        self.is_committing = False
        self.queued_at = 0.0
        self.work: Work | None = None  # the work in the thread pool, queued or running
        self.on_disconnect: Callable[[], None] | None = None
        self.after_reply: tuple[Callback, ...] = ()
        self.timer: TimerHandle = loop.call_at(call.deadline, self.expire)

    @property
    def streams(self) -> bool:
        """Whether a disconnect of the client must be reported immediately."""
        return self.target.streams

    @property
    def is_stopped(self) -> bool:
        """Whether the call has expired, was cancelled or has a reply."""
        return self.is_expired or self.done()

    @property
    def is_abandoned(self) -> bool:
        """Whether the run has not begun and will never begin."""
        return self.task is None or (not self.has_begun and self.task.cancelling() > 0)

    def disconnect(self) -> None:
        """Handle a disconnect of the client: notify a mounted app, or cancel a function."""
        if self.on_disconnect is None:
            self.cancel()
        else:
            self.on_disconnect()

    def start(self) -> None:
        """Run the target now."""
        self.task = self.get_loop().create_task(self._run(), context=self.context)

    def expire(self) -> None:
        """End the call at its deadline."""
        if self.done() or self.is_committing:
            return
        self.is_expired = True
        self._stop()
        if self.task is None or self.target.runs_in_thread or not self.has_begun:
            self._time_out()
        else:
            self.timer = self.get_loop().call_later(GRACE, self._time_out)

    def refuse(self) -> None:
        """Answer with a 503 without running the target."""
        self.timer.cancel()
        self._answer(unavailable_reply(self.call, LIMIT_REACHED))

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the call and its task."""
        if self.done():
            return False
        self._stop()
        self.timer.cancel()
        return super().cancel(msg)

    def _stop(self) -> None:
        """Remove the call from the queue or cancel its task; a started thread keeps running."""
        task = self.task
        if task is None:
            self.target.concurrency.withdraw(self)
        elif not self.has_begun:
            task.cancel()
            if task.cancelling() == 1:  # the task never starts, so `_run` cannot release the limit
                self.target.concurrency.release()
        elif not self.target.runs_in_thread or (self.work is not None and self.work.withdraw()):
            task.cancel()

    def _is_task_cancelled(self) -> bool:
        """Return whether a CancelledError comes from outside the function."""
        return self.is_stopped or (self.task is not None and self.task.cancelling() > 0)

    def _time_out(self) -> None:
        self._answer(timeout_reply(self.call, self.target.timeout))

    def _answer(self, reply: Reply) -> None:
        if not self.done():
            if self.after_reply:
                self.call.task = self.task
            self.set_result(reply)

    async def _run(self) -> None:
        self.has_begun = True
        try:
            await self._reply()
        except CancelledError:
            if self.is_expired:
                self._time_out()
            else:
                self._answer(unavailable_reply(self.call, STOPPING))
                raise
        finally:
            self.timer.cancel()
            if not self.done():  # creating the error reply failed, for example in a log handler
                self._answer(problem(self.call, 500, "The function failed."))
            try:
                if self.after_reply:
                    await run_callbacks(self.after_reply, self.target.name, self.target.timeout)
            finally:
                self.target.concurrency.release()

    async def _reply(self) -> None:
        """Run the target and set its reply, unless it was streamed."""
        result = await self._attempt()
        if isinstance(result, Reply):
            reply: Reply | None = result
        else:
            reply = await result.deliver(self)
        if reply is not None:
            if self.is_expired:
                self._time_out()
            else:
                self._answer(reply)

    async def _attempt(self) -> Reply | Delivery:
        """Run the target; retry after failures, up to `target.retries` times."""
        target, attempt = self.target, 0
        while True:
            try:
                return await self.run(self)
            except ThreadPoolFull:
                return unavailable_reply(self.call, THREADS_BUSY)
            except BaseException as error:
                if isinstance(error, CancelledError) and self._is_task_cancelled():
                    raise
                is_final = attempt >= target.retries or isinstance(unwrap_group(error), Reject)
                if is_final or not isinstance(error, Exception):
                    return failure_reply(self.call, target.name, error)
                LOGGER.warning("%s failed with %s, retrying", target.name, type(error).__name__)
            await asyncio.sleep(target.backoff * 2**attempt)
            if self.done():  # the thread ran past the deadline, so the 504 was already sent
                raise CancelledError
            attempt += 1


def start_call(in_flight: InFlightCall) -> InFlightCall:
    """Start or queue a call; if the queue is full, reply with a 503 after HOLD seconds."""
    if not in_flight.target.concurrency.enter(in_flight):
        loop = in_flight.get_loop()
        in_flight.timer.cancel()
        answer_at = min(loop.time() + HOLD, in_flight.call.deadline)
        in_flight.timer = loop.call_at(answer_at, in_flight.refuse)
    return in_flight
