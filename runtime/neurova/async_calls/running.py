"""Run accepted asynchronous calls, by one subscription per service."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Any

from ..bus.base import Message
from ..database.base import AlreadyStored, KeyLock, StoredResponse
from ..endpoints.function import DirectFunction, HttpFunction
from ..errors import NeurovaError
from ..events.codec import FindSchema, UndecodableEvent
from ..functions.subscription import Subscription
from ..http.problem import problem
from ..idempotency.execution import KeyedTarget, answer_locked_call
from ..resources import Resources
from ..subscriptions.background import Definition
from ..subscriptions.function import SubscriptionFunction
from .records import CallEvent, event_class, record_key, to_call

NAME = "async_calls"
STORE_TIMEOUT = 5.0  # seconds, in addition to the function's timeout
_LONGEST_TIMEOUT = 3600.0


class CallFailed(NeurovaError):
    """A function failed to answer a call; a retry may succeed."""


class AsyncCalls(SubscriptionFunction):
    """Run the accepted calls of a service's functions; store each response once.

    The functions must have the option `respond_async`.
    """

    def __init__(self, service: str, functions: Iterable[HttpFunction], resources: Resources):
        self._functions = {each.name: each for each in functions}
        event = event_class(service)
        longest = max(each.timeout for each in self._functions.values())

        async def run(event: Any) -> None:
            await self._run(event)

        run.__name__ = NAME
        run.__annotations__ = {"event": event, "return": None}
        description = Subscription(
            events=(event,), timeout=min(longest + STORE_TIMEOUT, _LONGEST_TIMEOUT)
        )
        file = next(iter(self._functions.values())).file
        super().__init__(Definition(run, description, service, file, resources))

    async def _run(self, event: CallEvent) -> None:
        """Run a call and store its response. Raises CallFailed to have the event retried."""
        function = self._functions.get(event.function)
        if function is None:
            raise CallFailed(
                f"{event.function} does not exist, or has no respond_async=True",
                fix="restore it and replay the call, or drop the call",
            )
        call = to_call(event)
        call.deadline = monotonic() + function.timeout
        target: KeyedTarget = _target_of(function)
        arguments = function.binding.arguments(call)
        lock = await self._lock(event, "answer", call.deadline)
        reply = await answer_locked_call(target, call, arguments, lock)
        if await lock.find(monotonic() + STORE_TIMEOUT) is None:
            raise CallFailed(f"{event.function} was answered with {reply.status}")

    async def give_up(self, message: Message, find_schema: FindSchema) -> None:
        """Store the failure of a call, which its status resource then returns."""
        try:
            event = self.decode(message, find_schema)
        except UndecodableEvent:
            return
        assert isinstance(event, CallEvent)  # this subscription receives no others
        detail = "The call failed repeatedly and is not repeated any more."
        reply = problem(to_call(event), 500, detail)
        fields = tuple(reply.fields)
        record = StoredResponse(bytes(32), 500, reply.content_type, fields, reply.body)
        deadline = monotonic() + STORE_TIMEOUT
        lock = await self._lock(event, "failure", deadline)
        try:
            if lock.response is None:
                tx = lock.transaction(deadline)
                try:
                    await lock.store(tx, record)
                    await tx.commit()
                except AlreadyStored:
                    pass
                finally:
                    await tx.rollback()
        finally:
            await lock.release()

    async def _lock(self, event: CallEvent, kind: Any, deadline: float) -> KeyLock:
        key = record_key(event.caller, event.id, kind)
        return await self.resources.database().lock_key(key, deadline)


def _target_of(function: HttpFunction) -> Any:
    """Return the object that runs a function under an idempotency key."""
    return function.keyed if isinstance(function, DirectFunction) else function
