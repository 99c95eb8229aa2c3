"""The port of a service's database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ..errors import NeurovaError, Unavailable
from ..http.call import Field

if TYPE_CHECKING:
    from sqlalchemy import Executable, Result

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

FIRST_PAUSE = 0.001  # seconds before a transaction is run again, at most; doubled each time
LONGEST_PAUSE = 0.05
KEPT = 86_400  # seconds for which an answer is kept
READ_ONLY = (
    "this function answers GET, so its transaction only reads: write from a POST, PUT, PATCH or "
    "DELETE function"
)
ENDED = (
    "the transaction has ended with its function: await every statement before returning, and "
    "keep no Tx for later"
)
OVER = (
    "a statement of the function ended its transaction: leave COMMIT and ROLLBACK to the platform, "
    "which commits when the function returns and rolls back when it raises"
)


class TransactionError(NeurovaError):
    """A function's own mistake with its `Tx`: a write in a GET, or a statement after the end."""


class Conflict(NeurovaError):
    """A transaction that the database could not let happen beside others: to be run again.

    Nothing of it lasts. Only a backend whose writers work side by side raises it.
    """

    def __init__(
        self, why: str, begin: Callable[[], Transaction], attempt: int, deadline: float
    ) -> None:
        super().__init__(why)
        self._begin = begin
        self._attempt = attempt
        self._deadline = deadline

    async def retry(self) -> Transaction:
        """Wait a little and return the transaction of the next attempt.

        Raises Unavailable when the deadline leaves no time for one.
        """
        longest = min(FIRST_PAUSE * 2**self._attempt, LONGEST_PAUSE)
        pause = random.uniform(0, longest)  # noqa: S311 - jitter, no secret
        if asyncio.get_running_loop().time() + pause >= self._deadline:
            raise Unavailable(f"{self}, {self._attempt + 1} times until the deadline: call again")
        await asyncio.sleep(pause)
        return self._begin()


class Tx(Protocol):
    """A transaction that opens at its first statement and ends with the function that asked for it.

    The reply is encoded, then the transaction commits, then the reply is sent; a function that
    raises rolls back. Read-only in GET and HEAD. `execute` takes SQLAlchemy Core statements and
    gives SQLAlchemy results whose rows are already here: `.one()`, `.first()`, `.scalars().all()`…
    """

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> Result[Any]:
        """Run one statement. Raises Unavailable when the database does not answer in time."""
        ...


class Transaction(Tx, Protocol):
    """What the invoker sees of a `Tx`: it alone ends it.

    `conflict` says, after any of its methods has raised, that the function is to be run again,
    whatever it made of the error.
    """

    @property
    def conflict(self) -> Conflict | None:
        """Return why the transaction has to be run again, None when it has not."""
        ...

    async def rollback_to_savepoint(self) -> None:
        """Undo what was written until now; the transaction, one of a `KeyLock`, goes on."""
        ...

    async def commit(self) -> None:
        """Make the changes last, on disk; nothing to do when no statement was run."""
        ...

    async def rollback(self) -> None:
        """Undo all changes and give back what the transaction holds; harmless when ended."""
        ...


class StoredResponse(msgspec.Struct, frozen=True):
    """An answer kept under a key, and the fingerprint of the request that it answers."""

    fingerprint: bytes
    status: int
    content_type: bytes
    fields: tuple[Field, ...]
    body: bytes


class KeyLocked(NeurovaError):
    """A key that another call has, and did not give back until the deadline."""


class AlreadyStored(NeurovaError):
    """An answer that was kept under the key meanwhile: the lock was lost, and another call ran."""


class KeyLock(Protocol):
    """A key that a call has, and no other one in any process, until it is released.

    Should its lock be lost (a connection cut, a file deleted), two calls may run; the state still
    changes once, for only one of them can `keep` its answer.
    """

    @property
    def response(self) -> StoredResponse | None:
        """Return the answer that was kept under it, None when there was none."""
        ...

    def transaction(self, deadline: float) -> Transaction:
        """Return a transaction for writing, not yet open; one at a time."""
        ...

    async def store(self, tx: Transaction, stored: StoredResponse) -> None:
        """Write an answer in a transaction of the key_lock: it is kept once that has committed.

        Raises AlreadyStored when there is another one: the transaction must not commit.
        """
        ...

    async def find(self, deadline: float) -> StoredResponse | None:
        """Look again for the answer that is kept."""
        ...

    async def release(self, stored: StoredResponse | None = None) -> None:
        """Give the key back; `stored` is what was kept, for those who wait. Harmless when done."""
        ...


class Database(Protocol):
    """One service's database."""

    async def lock_key(self, key: bytes, deadline: float) -> KeyLock:
        """Wait for a key, 32 octets, until `deadline` in event-loop seconds.

        Raises KeyLocked when others have it until then, Unavailable when the database does not
        answer.
        """
        ...

    async def delete_expired(self) -> int:
        """Delete some answers whose time is over; return how many, 0 when there is no more to do.

        One process at a time does. Nothing is made for it.
        """
        ...

    def transaction(self, *, readonly: bool, deadline: float) -> Transaction:
        """Return a transaction, not yet open; `deadline` in event-loop seconds bounds all waits."""
        ...

    async def close(self) -> None:
        """Finish what runs and close all connections."""
        ...
