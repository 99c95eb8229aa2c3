"""The interface that each backend of a service's database implements."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ..errors import NeurovaError, Unavailable
from ..http.call import Field

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result

    from ..events.event import Event

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Callback = Callable[[], object]
"""An async function is awaited on the event loop; a plain function runs in a thread."""

FIRST_PAUSE = 0.001  # longest pause in seconds before the first retry; doubles with each retry
LONGEST_PAUSE = 0.05
MAX_INLINE_ROWS = 100  # an INSERT of more rows is compiled or run in another thread


def count_rows(statement: Executable, parameters: Parameters | None) -> int:
    """Return the number of rows that an `INSERT … VALUES` statement writes."""
    values = getattr(statement, "_multi_values", ())  # the rows of `insert().values([…])`
    return max(sum(map(len, values)), len(parameters or ()))


class TransactionError(NeurovaError):
    """A function misused its `Tx`, for example by writing in a GET."""

    @classmethod
    def read_only(cls) -> TransactionError:
        """Return the error for a write in a GET function."""
        return cls(
            "a Snapshot, and the transaction of a function that answers GET, are read-only",
            fix="write with a Tx in a POST, PUT, PATCH or DELETE function",
        )

    @classmethod
    def ended(cls) -> TransactionError:
        """Return the error for an SQL statement that runs after its function has ended."""
        return cls(
            "the transaction has ended with its function",
            fix="await each statement before the function returns, and do not store the Tx",
        )

    @classmethod
    def ended_by_statement(cls) -> TransactionError:
        """Return the error for a function that executed COMMIT or ROLLBACK."""
        return cls(
            "a statement of the function ended its transaction",
            fix="remove COMMIT and ROLLBACK: the platform commits when the function returns and "
            "rolls back when it raises",
        )


class Conflict(NeurovaError):
    """The database rolled back a transaction because of a concurrent one; retry it.

    Only backends with concurrent writers raise this error.
    """

    def __init__(
        self, what: str, begin: Callable[[], Transaction], attempt: int, deadline: float
    ) -> None:
        super().__init__(what)
        self._begin = begin
        self._attempt = attempt
        self._deadline = deadline

    async def retry(self) -> Transaction:
        """Wait briefly and return a transaction for the next attempt.

        Raises Unavailable when the deadline leaves no time for another attempt.
        """
        longest = min(FIRST_PAUSE * 2**self._attempt, LONGEST_PAUSE)
        pause = random.uniform(0, longest)  # noqa: S311 - jitter, not a secret
        if asyncio.get_running_loop().time() + pause >= self._deadline:
            attempts = f"in all {self._attempt + 1} attempts until the deadline"
            raise Unavailable(f"{self.what}, {attempts}", fix="retry the call")
        await asyncio.sleep(pause)
        return self._begin()


class Tx(Protocol):
    """A transaction that begins with its first statement and ends with its function.

    The platform commits when the function returns, before it sends the reply, and rolls back when
    the function raises. GET and HEAD are read-only. `execute` takes SQLAlchemy Core statements and
    returns SQLAlchemy results with all rows fetched.
    """

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement. Raises Unavailable when the database does not answer in time."""
        ...

    def after_commit(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call `callback` with `arguments` once the changes are committed and the reply is sent.

        An async callback is awaited, a plain one runs in a thread. Each callback has the function's
        timeout. Its errors are logged. If the process dies before it runs, the callback is lost.
        """
        ...

    def publish(self, event: Event) -> str:
        """Publish an event when the transaction commits; return the event's id.

        Raises TransactionError in a read-only transaction, InvalidEvent if the event is invalid.
        """
        ...


class CommitCallbacks:
    """The part of a transaction that collects callbacks to run in order after the commit."""

    __slots__ = ("callbacks",)

    def __init__(self) -> None:
        self.callbacks: list[Callback] = []

    def after_commit(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call `callback` after the commit; see `Tx`. Raises TransactionError after the end."""
        self._check_open()
        self.callbacks.append(partial(callback, *arguments) if arguments else callback)

    def _check_open(self) -> None:
        raise NotImplementedError


class Transaction(Tx, Protocol):
    """A `Tx` with the methods that only the platform calls.

    If `conflict` is set, the function must be retried, even if it caught the error. The caller of
    `commit` runs the `callbacks` afterwards. `published` are the outbox rows of the published
    events.
    """

    published: list[tuple[Any, ...]]

    @property
    def system(self) -> str:
        """Return the name of the database in traces, e.g. sqlite."""
        ...

    @property
    def callbacks(self) -> list[Callback]:
        """Return the callbacks to run after the commit."""
        ...

    @property
    def conflict(self) -> Conflict | None:
        """Return the error that requires a retry of the transaction, None if there is none."""
        ...

    def extend(self, deadline: float) -> None:
        """Set a new deadline, which bounds all waits."""
        ...

    async def run_sql(self, sql: str, *rows: Sequence[Any]) -> list[Any]:
        """Run a statement of the platform once for each row of values, without SQLAlchemy.

        `sql` has the placeholders $1, $2, …; with one row, return the rows of the result.
        """
        ...

    async def run_at_commit(self, sql: str, *rows: Sequence[Any]) -> None:
        """Run a statement like `run_sql`, either now or as part of the commit.

        If it runs in the commit, `commit` raises its errors. Values are strings, bytes and finite
        floats.
        """
        ...

    async def rollback_to_savepoint(self) -> None:
        """Undo all changes and callbacks but keep the transaction, made by a `KeyLock`, open."""
        ...

    async def commit(self) -> None:
        """Make the changes durable; do nothing if no statement has run."""
        ...

    async def rollback(self) -> None:
        """Undo all changes and release the connection; do nothing if the transaction has ended."""
        ...


class StoredResponse(msgspec.Struct, frozen=True):
    """A response stored under an idempotency key, with the fingerprint of its request."""

    fingerprint: bytes
    status: int
    content_type: bytes
    fields: tuple[Field, ...]
    body: bytes


class KeyLocked(NeurovaError):
    """Another call held the lock of the idempotency key until the deadline."""


class AlreadyStored(NeurovaError):
    """Another call stored a response under the key after this call lost the lock."""


class KeyLock(Protocol):
    """The lock of an idempotency key, which one call in one process holds.

    The lock is lost if its connection breaks or its lock file is deleted. Two calls may then run at
    once, but only one of them can `store` its response and commit.
    """

    @property
    def response(self) -> StoredResponse | None:
        """Return the response stored under the key when it was locked, None if there was none."""
        ...

    def transaction(self, deadline: float) -> Transaction:
        """Return a new write transaction; use only one at a time."""
        ...

    async def store(self, tx: Transaction, response: StoredResponse) -> None:
        """Store a response under the key, in a transaction made by this lock.

        Raises AlreadyStored if another call stored a response; do not commit then.
        """
        ...

    async def find(self, deadline: float) -> StoredResponse | None:
        """Read the response from the database again."""
        ...

    async def release(self, response: StoredResponse | None = None) -> None:
        """Release the lock, if it is held, and pass the stored response to waiting calls."""
        ...


class Database(Protocol):
    """The database of one service."""

    async def lock_key(self, key: bytes, deadline: float) -> KeyLock:
        """Wait for the lock of a 32-byte idempotency key until `deadline` (event-loop seconds).

        Raises KeyLocked at the deadline, Unavailable when the database does not answer.
        """
        ...

    async def find_response(self, key: bytes, deadline: float) -> StoredResponse | None:
        """Return the response stored under a key, without locking the key."""
        ...

    async def delete_expired(self) -> int:
        """Delete a batch of expired responses; return their number.

        Return 0 if no response has expired, or while another process deletes responses.
        """
        ...

    def transaction(self, *, readonly: bool, deadline: float) -> Transaction:
        """Return a new transaction; `deadline` (event-loop seconds) bounds all its waits."""
        ...

    async def close(self) -> None:
        """Wait for open transactions and close all connections."""
        ...
