"""A transaction commits, rolls back or is retried, independently of HTTP."""

import asyncio
from time import monotonic
from typing import Any

import pytest
from tests.runtime.doubles import FakeDatabase

from neurova.execution.transaction import run_in_transaction

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


async def write(tx: Any) -> int:
    await tx.execute("row")
    return 1


async def run(database: FakeDatabase, body: Any = write) -> Any:
    deadline = monotonic() + 30
    return await run_in_transaction(database.transaction(readonly=False, deadline=deadline), body)


async def swallow(tx: Any) -> int:
    try:
        await tx.execute("row")
    except Exception:
        return 0
    return 1


async def replace_error(tx: Any) -> int:
    try:
        await tx.execute("row")
    except Exception:
        raise ValueError from None
    return 1


@pytest.mark.parametrize("body", [write, swallow, replace_error])
async def test_conflict_runs_the_body_again(database: FakeDatabase, body: Any) -> None:
    database.conflicts = 3
    assert await run(database, body) == 1
    assert database.rows == ["row"]
    assert database.events == ["rollback"] * 3 + ["commit"]
    assert len(database.opened) == 1


async def test_cancelled_body_is_not_run_again(database: FakeDatabase) -> None:
    async def hang(tx: Any) -> None:
        await swallow(tx)
        await asyncio.Event().wait()

    database.conflicts = 5
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await run(database, hang)
    assert database.events == ["rollback"]


async def test_failed_rollback_is_logged(database: FakeDatabase, caplog: Any) -> None:
    transaction: Any = database.transaction(readonly=False, deadline=monotonic() + 30)

    async def fail() -> None:
        raise OSError("connection lost")

    transaction.rollback = fail

    async def body(tx: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await run_in_transaction(transaction, body)
    assert "Rollback failed" in caplog.text
    assert "connection lost" in caplog.text
