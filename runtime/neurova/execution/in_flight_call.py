"""A call that waits: its task, its deadline, its transaction."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Future, Task, TimerHandle
from collections.abc import Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ..http.call import Call
from ..http.problem import Reject, problem
from ..http.reply import Reply
from ..overload.cost import Metered
from ..streaming.delivery import deliver
from .replies import LOGGER, Streamed, answered, failed, late, unavailable
from .thread_pool import POOL, Outcome, ThreadPoolFull

if TYPE_CHECKING:
    from ..database.base import Database, Transaction
    from ..endpoints.function import ConcurrentFunction, DirectFunction
    from ..endpoints.mounted_app import MountedApp
    from ..streaming.response_stream import ResponseStream

GRACE = 1.0
LONG = 0.05  # seconds: what a stream costs beyond is spread over its life
BUSY = "All places of this function are taken: try again."


class InFlightCall(Future[Reply]):
    """The reply to come of one call; the function runs in a task of its own.

    Past the deadline the task is cancelled and the reply is a 504: when the task has cleaned up,
    or after GRACE seconds. A thread cannot be cancelled: its 504 comes at once, and it keeps its
    place until it ends. Cancelling the flight cancels the task. A commit that has begun ends first.
    """

    __slots__ = (
        "arguments",
        "call",
        "context",
        "expired",
        "flying",
        "function",
        "handler",
        "meter",
        "outlet",
        "sealed",
        "task",
        "timer",
        "work",
    )

    def __init__(
        self,
        function: ConcurrentFunction | DirectFunction | MountedApp,
        call: Call,
        arguments: list[Any],
        loop: AbstractEventLoop,
    ) -> None:
        super().__init__(loop=loop)
        self.function: Any = function  # a mounted app has no part of what is read below
        self.call = call
        self.arguments = arguments
        self.handler = function.handler
        self.context = copy_context()
        self.task: Task[None] | None = None
        self.outlet: ResponseStream | None = None
        self.flying = False
        self.expired = False
        self.sealed = False
        self.meter: Metered | None = None
        self.work: Future[Outcome] | None = None  # a thread's
        self.timer: TimerHandle = loop.call_at(call.deadline, self.expire)

    @property
    def streams(self) -> bool:
        """Tell whether the function wants to know at once that its client has left."""
        return bool(self.function.streams)

    def leave(self) -> None:
        """Note that the client has left: a generator ends, a mounted app is told."""
        if self.outlet is not None and self.outlet.told:
            self.outlet.leave()
        else:
            self.cancel()

    def begin(self) -> None:
        """Run the function now."""
        self.task = self.get_loop().create_task(self._fly(), context=self.context)

    def expire(self) -> None:
        """End the call, its time is over."""
        if self.done() or self.sealed:
            return
        self.expired = True
        if self.task is None or self.function.threaded or not self.flying:
            self._answer(late(self.call, self.function.timeout))
            self._stop()
        else:
            self._stop()
            self.timer = self.get_loop().call_later(GRACE, self._abandon)

    def cancel(self, msg: Any | None = None) -> bool:
        """End the call, nobody waits for its reply."""
        if self.done():
            return False
        self._stop()
        self.timer.cancel()
        return super().cancel(msg)

    def _stop(self) -> None:
        """Withdraw the call, or cancel its task; a thread that has begun goes on."""
        task = self.task
        if task is None:
            self.function.gate.withdraw(self)
        elif not self.flying:
            task.cancel()
            if task.cancelling() == 1:  # what has not begun never will
                self.function.gate.leave()
        elif not self.function.threaded or (self.work is not None and POOL.withdraw(self.work)):
            task.cancel()

    def _abandon(self) -> None:
        self._answer(late(self.call, self.function.timeout))

    def _answer(self, reply: Reply) -> None:
        if not self.done():
            self.set_result(reply)

    async def _fly(self) -> None:
        self.flying = True
        try:
            reply = await self._replied()
            if self.meter is not None and (reply is None or reply.status < 400):
                self.function.cost.took(min(self.meter.seconds, LONG))
            if reply is not None:
                self._answer(late(self.call, self.function.timeout) if self.expired else reply)
        except CancelledError:
            if self.expired:
                self._answer(late(self.call, self.function.timeout))
            else:
                self._answer(unavailable(self.call, "The platform is stopping: try again."))
                raise
        finally:
            self.timer.cancel()
            self.function.gate.leave()
            if not self.done():  # not even the failure could be told: whoever waits is answered
                self._answer(problem(self.call, 500, "The function failed."))

    async def _replied(self) -> Reply | None:
        """Run the function; None when its reply has been sent piece by piece."""
        reply = await self._tried()
        if not isinstance(reply, Streamed):
            return reply
        self.meter = Metered(deliver(self, reply.result))
        sent: Reply | None = await self.meter
        return sent

    async def _tried(self) -> Reply | Streamed:
        """Run the function, again after a failure when its description says so."""
        description, attempt = self.function.description, 0
        while True:
            try:
                return await self._once()
            except ThreadPoolFull:
                return unavailable(self.call, BUSY)
            except Streamed as streamed:
                return streamed
            except BaseException as error:
                if isinstance(error, CancelledError) and self._stopped():
                    raise
                again = attempt < description.retries and not isinstance(error, Reject)
                if not again or not isinstance(error, Exception):
                    return failed(self.call, self.function.name, error)
                LOGGER.warning("%s failed (%s), again", self.function.name, type(error).__name__)
            await asyncio.sleep(description.backoff * 2**attempt)
            if self.done():  # a thread's 504 has been sent meanwhile
                raise CancelledError
            attempt += 1

    def _stopped(self) -> bool:
        """Tell whether a cancellation came from outside the function."""
        task = self.task
        return self.expired or self.done() or (task is not None and task.cancelling() > 0)

    async def _once(self) -> Reply:
        function = self.function
        if function.binding.tx >= 0:
            return await self._in_transaction()
        if function.threaded:
            # Only the first attempt has waited since the call came: what ran and backed off did not
            # wait for a thread, and would be taken for a sign of too many calls.
            came = 0.0 if self.work is not None else self.call.deadline - function.timeout
            self.work = POOL.run(function.handler, self.arguments, came)
            result, error = await self.work
            if error is not None:
                raise error
        else:
            self.meter = Metered(self.handler(*self.arguments))
            result = await self.meter
        return answered(result, function.description.status)

    def _transaction(self, *, readonly: bool) -> Transaction:
        database: Database = self.function.resources.database()
        return database.transaction(readonly=readonly, deadline=self.call.deadline)

    async def _in_transaction(self) -> Reply:
        function = self.function
        readonly = function.description.method == "GET"
        tx = self._transaction(readonly=readonly)
        arguments = self.arguments.copy()
        while True:
            arguments[function.binding.tx] = tx
            try:
                self.meter = Metered(self.handler(*arguments))
                reply = answered(await self.meter, function.description.status)
                if self.expired or self.done():  # the function kept its cancellation to itself
                    raise CancelledError
                self.sealed = True
                # Reading has nothing to lose: no task of its own guards its end.
                await (tx.commit() if readonly else unbroken(tx.commit()))
                return reply
            except BaseException:
                try:
                    await unbroken(tx.rollback())
                except Exception as error:
                    LOGGER.error("%s: its rollback failed", function.name, exc_info=error)
                conflict = tx.conflict
                if conflict is None or self._stopped():
                    raise
            self.sealed = False
            tx = await conflict.retry()
            # What the function may have changed of its arguments is not to be seen again.
            arguments = function.binding.arguments(self.call)


class Remainder(InFlightCall):
    """What is left of a call whose function has returned a stream at once: its one argument."""

    __slots__ = ()

    async def _once(self) -> Reply:
        raise Streamed(self.arguments[0])


async def unbroken(ending: Coroutine[Any, Any, None]) -> None:
    """Await `ending` to its end, whoever cancels meanwhile."""
    task = asyncio.ensure_future(ending)
    while not task.done():
        try:
            await asyncio.wait((task,))
        except CancelledError:
            continue
    task.result()
