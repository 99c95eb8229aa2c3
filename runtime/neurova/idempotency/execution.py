"""A call with an Idempotency-Key: it waits for its key, and runs only if no answer is kept."""

from __future__ import annotations

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..database.base import AlreadyStored, KeyLock, KeyLocked, StoredResponse, Transaction
from ..errors import Unavailable
from ..execution.in_flight_call import BUSY, InFlightCall, unbroken
from ..execution.replies import LOGGER, Streamed, answered, failed, unavailable
from ..http.call import Call
from ..http.problem import Reject, problem, problem_from_reject
from ..http.reply import Reply
from .rules import BadKey, again, fingerprint, kept, lasting, outstanding, scope

if TYPE_CHECKING:
    from ..endpoints.function import ConcurrentFunction

NO_STREAM = (
    "Idempotency-Key is not offered here: what is answered piece by piece is not kept. Leave the "
    "field out."
)
STORING = 5.0  # seconds in which an answer must be kept once a function without a Tx has ended


def keyed(function: ConcurrentFunction, call: Call) -> Reply | Coroutine[Any, Any, Reply]:
    """Answer a call of a POST function that has the field; must be called on a running loop.

    Duplicates wait outside of the function's gate: they take no place from other calls.
    """
    if function.streams:
        return problem(call, 400, NO_STREAM)
    call.deadline = monotonic() + function.timeout
    try:
        key = scope(call, function.route)
        arguments = function.binding.arguments(call)
    except BadKey as error:
        return problem(call, 400, str(error))
    except BaseException as error:
        return function.refused(call, error)
    return _claimed(function, call, arguments, key)


async def _claimed(
    function: ConcurrentFunction, call: Call, arguments: list[Any], key: bytes
) -> Reply:
    try:
        key_lock = await function.resources.database().lock_key(key, call.deadline)
    except KeyLocked:
        return outstanding(call)
    except Exception as error:
        return failed(call, function.name, error)
    flight: KeyedInFlightCall | None = None
    try:
        print_ = fingerprint(call)
        if key_lock.response is not None:
            return again(call, key_lock.response, print_)
        flight = KeyedInFlightCall(function, call, arguments, get_running_loop(), key_lock, print_)
        if function.gate.enter(flight):
            return await flight
        flight.timer.cancel()
        return unavailable(call, BUSY)
    finally:
        if flight is None or flight.grounded:
            await unbroken(key_lock.release())


class KeyedInFlightCall(InFlightCall):
    """A call that has its key, and keeps its answer under it.

    A function with a `Tx` has its answer in that transaction; for another the platform keeps it
    in one of its own, once the function has ended.
    """

    __slots__ = ("answer", "key_lock", "print_")

    def __init__(
        self,
        function: ConcurrentFunction,
        call: Call,
        arguments: list[Any],
        loop: AbstractEventLoop,
        key_lock: KeyLock,
        print_: bytes,
    ) -> None:
        super().__init__(function, call, arguments, loop)
        self.key_lock = key_lock
        self.print_ = print_
        self.answer: StoredResponse | None = None
        if function.binding.tx >= 0:
            self.handler = self._handle

    @property
    def grounded(self) -> bool:
        """Tell whether the function has not begun, and never will."""
        return self.task is None or (not self.flying and self.task.cancelling() > 0)

    def _transaction(self, *, readonly: bool) -> Transaction:
        return self.key_lock.transaction(self.call.deadline)

    async def _fly(self) -> None:
        try:
            await super()._fly()
        finally:
            await unbroken(self.key_lock.release(self.answer))

    async def _once(self) -> Reply:
        if self.function.binding.tx >= 0:
            return await self._once_only()
        try:
            reply = await super()._once()
        except Reject as reject:
            reply = self._rejected(reject)
        except Streamed:
            await unbroken(self.key_lock.release())  # nobody waits for what is not kept
            raise
        await unbroken(self._keep(kept(reply, self.print_)))
        return reply

    async def _once_only(self) -> Reply:
        try:
            reply = await super()._once()
        except AlreadyStored as superseded:
            self.answer = await self.key_lock.find(self.call.deadline)
            if self.answer is None:
                raise Unavailable(f"{superseded}, and it is gone: call again") from None
            return again(self.call, self.answer, self.print_)
        self.answer = kept(reply, self.print_)
        return reply

    async def _handle(self, *arguments: Any) -> Reply:
        """Run a function with a `Tx`; write its answer where it wrote."""
        function = self.function
        tx: Transaction = arguments[function.binding.tx]
        try:
            result = await function.handler(*arguments)
            reply = answered(result, function.description.status)
        except Reject as reject:
            reply = self._rejected(reject)
            await tx.rollback_to_savepoint()
        stored = kept(reply, self.print_)
        if stored is not None:
            await self.key_lock.store(tx, stored)
        return reply

    def _rejected(self, reject: Reject) -> Reply:
        """Return the answer of a function that refused; raise it again when it is not kept."""
        if not lasting(reject.status):
            raise reject
        return problem_from_reject(self.call, reject)

    async def _keep(self, stored: StoredResponse | None) -> None:
        """Keep what is done already, also past the deadline; that it cannot be is no failure."""
        if stored is None:
            return
        tx = self.key_lock.transaction(monotonic() + STORING)
        try:
            await self.key_lock.store(tx, stored)
            await tx.commit()
            self.answer = stored
        except Exception as error:
            LOGGER.error(
                "%s: its answer could not be kept: the same call would run again",
                self.function.name,
                exc_info=error,
            )
        finally:
            await tx.rollback()
