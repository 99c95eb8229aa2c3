"""Accept a call with `Prefer: respond-async`: publish it as an event and answer 202."""

from __future__ import annotations

from collections.abc import Awaitable
from time import monotonic
from typing import Protocol
from uuid import uuid4

from ..database.base import KeyLocked, StoredResponse, Transaction
from ..endpoints.function import HttpFunction
from ..events.codec import InvalidEvent
from ..execution.failures import failure_reply
from ..execution.transaction import finish, run_in_transaction
from ..http.call import Call
from ..http.problem import problem
from ..http.reply import JSON, Reply
from ..idempotency.rules import (
    FIELD,
    InvalidKey,
    digest_request,
    in_progress_reply,
    replay,
    scoped_key,
)
from ..traces.current import CURRENT
from .records import event_class, record_key, to_event

STATUS_PATH = "/.well-known/neurova/calls/"
_PREFER = b"prefer"
_PREFERENCE = b"respond-async"


class Handler(Protocol):
    """A handler of calls."""

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call."""


class RespondAsync:
    """Accept calls with `Prefer: respond-async`; forward other calls to `handler`.

    `handler` runs `function`.
    """

    __slots__ = ("event", "function", "handler")

    def __init__(self, function: HttpFunction, handler: Handler) -> None:
        self.function = function
        self.handler = handler
        self.event = event_class(function.service)

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Answer one call whose body is complete."""
        if _PREFER in call.headers and prefers_async(call):
            return self._accept(call)
        return self.handler.invoke(call)

    async def _accept(self, call: Call) -> Reply:
        CURRENT.set(call.span or call)  # set it only for this task
        function = self.function
        call.deadline = monotonic() + function.timeout
        try:
            # A repeated call with an Idempotency-Key gets the same id, so the same response.
            key = scoped_key(call, function.route) if FIELD in call.headers else uuid4().bytes
            function.binding.arguments(call)
        except InvalidKey as error:
            return problem(call, 400, str(error))
        except BaseException as error:
            return function.refuse(call, error)
        try:
            return await self._publish(call, f"{function.name}.{key[:16].hex()}")
        except KeyLocked:
            return in_progress_reply(call)
        except InvalidEvent as error:
            return problem(call, 413, f"The call is too large to be answered later: {error.what}.")
        except Exception as error:
            return failure_reply(call, function.name, error)

    async def _publish(self, call: Call, id: str) -> Reply:
        assert call.caller is not None  # the route is not public
        event = to_event(self.event, call, id, self.function.name)
        digest = digest_request(call)
        key = record_key(call.caller, id, "accepted")
        lock = await self.function.resources.database().lock_key(key, call.deadline)
        accepted = lock.response
        try:
            if accepted is not None:
                return replay(call, accepted, digest)
            record = accepted_record(id, digest)

            async def body(tx: Transaction) -> None:
                tx.publish(event)
                await lock.store(tx, record)

            await run_in_transaction(lock.transaction(call.deadline), body)
            accepted = record
        finally:
            await finish(lock.release(accepted))
        return Reply.of(record.status, record.body, record.content_type, list(record.fields))


def accepted_record(id: str, digest: bytes) -> StoredResponse:
    """Return the stored 202 response of an accepted call."""
    fields = (
        (b"location", STATUS_PATH.encode() + id.encode()),
        (b"preference-applied", _PREFERENCE),
        (b"retry-after", b"1"),
    )
    body = b'{"id":"%b","status":"pending"}' % id.encode()
    return StoredResponse(digest, 202, JSON, fields, body)


def prefers_async(call: Call) -> bool:
    """Return whether the call has the preference `respond-async` (RFC 7240, 4.1)."""
    preferences = b",".join(value for name, value in call.fields if name == _PREFER).split(b",")
    return any(each.partition(b";")[0].strip().lower() == _PREFERENCE for each in preferences)
