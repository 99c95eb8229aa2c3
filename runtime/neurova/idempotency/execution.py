"""Run a call with an Idempotency-Key, or replay the reply stored under its key."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from collections.abc import Coroutine
from time import monotonic
from typing import Any, Protocol

from ..binding.binding import Binding
from ..database.base import AlreadyStored, KeyLock, KeyLocked, StoredResponse, Transaction
from ..errors import Unavailable
from ..execution.failures import failure_reply, unwrap_group
from ..execution.in_flight_call import Delivery, InFlightCall, Target, start_call
from ..execution.transaction import finish, run_in_transaction
from ..http.call import Call
from ..http.problem import Reject, problem, problem_from_reject
from ..http.reply import Reply
from ..resources import Resources
from .rules import (
    InvalidKey,
    digest_request,
    in_progress_reply,
    is_stored,
    make_record,
    replay,
    scoped_key,
)

LOGGER = logging.getLogger("neurova")
NO_STREAM = (
    "This function does not accept an Idempotency-Key, since a streamed reply is not stored. "
    "Leave the header out."
)
STORE_TIMEOUT = 5.0  # seconds to store the reply of a function without a Tx


class KeyedTarget(Target, Protocol):
    """A POST function that accepts calls with an Idempotency-Key."""

    binding: Binding
    resources: Resources
    route: str

    def refuse(self, call: Call, error: BaseException) -> Reply:
        """Return the reply to a call with invalid arguments."""

    async def run(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the handler once."""

    def keyed_run(self, key_lock: KeyLock, digest: bytes) -> KeyedRun:
        """Return a run that stores its reply under the key of `key_lock`."""


class TransactionTarget(KeyedTarget, Protocol):
    """A POST function with a `Tx`."""

    async def call_handler(self, in_flight: InFlightCall, tx: Transaction) -> Reply:
        """Await the handler with `tx` and return its reply."""


def answer_keyed_call(target: KeyedTarget, call: Call) -> Reply | Coroutine[Any, Any, Reply]:
    """Answer a call with an Idempotency-Key; must be called on a running event loop.

    Duplicate calls wait for the lock of the key and do not count against the concurrency limit.
    """
    if target.streams:
        return problem(call, 400, NO_STREAM)
    call.deadline = monotonic() + target.timeout
    try:
        key = scoped_key(call, target.route)
        arguments = target.binding.arguments(call)
    except InvalidKey as error:
        return problem(call, 400, str(error))
    except BaseException as error:
        return target.refuse(call, error)
    return _answer_with_lock(target, call, arguments, key)


async def _answer_with_lock(
    target: KeyedTarget, call: Call, arguments: list[Any], key: bytes
) -> Reply:
    try:
        key_lock = await target.resources.database().lock_key(key, call.deadline)
    except KeyLocked:
        return in_progress_reply(call)
    except Exception as error:
        return failure_reply(call, target.name, error)
    return await answer_locked_call(target, call, arguments, key_lock)


async def answer_locked_call(
    target: KeyedTarget, call: Call, arguments: list[Any], key_lock: KeyLock
) -> Reply:
    """Run a call and store its reply under the key of `key_lock`, or replay the stored reply.

    Releases the lock at the end.
    """
    in_flight: InFlightCall | None = None
    try:
        digest = digest_request(call)
        if key_lock.response is not None:
            return replay(call, key_lock.response, digest)
        run = target.keyed_run(key_lock, digest)
        in_flight = InFlightCall(target, call, arguments, run, get_running_loop())
        in_flight.after_reply = (run.release,)
        reply = start_call(in_flight)
        return reply if isinstance(reply, Reply) else await reply
    finally:
        if in_flight is None or in_flight.is_abandoned:
            await finish(key_lock.release())


class KeyedRun:
    """Run a function without a `Tx`, then store its reply in a separate transaction."""

    __slots__ = ("digest", "key_lock", "stored", "target")

    def __init__(self, target: KeyedTarget, key_lock: KeyLock, digest: bytes) -> None:
        self.target = target
        self.key_lock = key_lock
        self.digest = digest
        self.stored: StoredResponse | None = None

    async def __call__(self, in_flight: InFlightCall) -> Reply | Delivery:
        """Run the function once. Raises its errors, except a `Reject` whose reply is stored."""
        try:
            reply = await self.target.run(in_flight)
        except Exception as error:
            reply = _stored_rejection(in_flight.call, error)
        if not isinstance(reply, Reply):
            await finish(self.key_lock.release())  # streams are not stored: let duplicates run
            return reply
        await finish(self._store(make_record(reply, self.digest)))
        return reply

    async def release(self) -> None:
        """Release the key, and pass the stored reply to waiting calls."""
        await finish(self.key_lock.release(self.stored))

    async def _store(self, record: StoredResponse | None) -> None:
        """Store a reply, even after the deadline; log a failure instead of failing the call."""
        if record is None:
            return
        tx = self.key_lock.transaction(monotonic() + STORE_TIMEOUT)
        try:
            await self.key_lock.store(tx, record)
            await tx.commit()
            self.stored = record
        except Exception as error:
            LOGGER.error(
                "%s: reply could not be stored, a repeated call would run again",
                self.target.name,
                exc_info=error,
            )
        finally:
            await tx.rollback()


class KeyedTransactionRun(KeyedRun):
    """Run a function with a `Tx` and store its reply in the same transaction."""

    __slots__ = ("_call_handler",)

    def __init__(self, target: TransactionTarget, key_lock: KeyLock, digest: bytes) -> None:
        super().__init__(target, key_lock, digest)
        self._call_handler = target.call_handler

    async def __call__(self, in_flight: InFlightCall) -> Reply:
        """Run the function once. Raises its errors, except a `Reject` whose reply is stored."""
        call = in_flight.call

        async def body(tx: Transaction) -> Reply:
            try:
                reply = await self._call_handler(in_flight, tx)
            except Exception as error:
                reply = _stored_rejection(call, error)
                await tx.rollback_to_savepoint()
            record = make_record(reply, self.digest)
            if record is not None:
                await self.key_lock.store(tx, record)
            return reply

        try:
            reply = await run_in_transaction(
                self.key_lock.transaction(call.deadline), body, in_flight
            )
        except AlreadyStored as error:
            self.stored = await self.key_lock.find(call.deadline)
            if self.stored is None:
                raise Unavailable(
                    f"{error}, but that reply cannot be found", fix="retry the call"
                ) from None
            return replay(call, self.stored, self.digest)
        self.stored = make_record(reply, self.digest)
        return reply


def _stored_rejection(call: Call, error: Exception) -> Reply:
    """Return the reply to store for a `Reject`; re-raise errors that are not stored."""
    reject = unwrap_group(error)
    if not isinstance(reject, Reject) or not is_stored(reject.status):
        raise error
    return problem_from_reject(call, reject)
