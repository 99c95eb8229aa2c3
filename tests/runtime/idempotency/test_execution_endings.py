"""However a call with an Idempotency-Key ends, its key is released and its result stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from tests.runtime.keyed_function import KINDS, WRITE, KeyedFunction, is_replayed
from tests.runtime.project import until

from neurova.streaming.response_stream import StreamReply

SHORT = 1.0  # seconds; enough for a connected database on a busy machine to respond


async def test_duplicate_waits_until_its_deadline_then_409(keyed: KeyedFunction) -> None:
    keyed.define("await proceed.wait()\n" + WRITE + "return n")
    first = asyncio.ensure_future(keyed.reply())
    await until(lambda: keyed.runs == 1)
    keyed.function.timeout = SHORT
    late = await keyed.reply()
    assert (late.status, (b"retry-after", b"1") in late.fields) == (409, True)
    keyed.module.proceed.set()
    assert (await first).status == 201
    keyed.function.timeout = 30
    assert is_replayed(await keyed.reply())
    assert await keyed.notes() == [1]


async def test_waiting_duplicates_do_not_count_as_running(keyed: KeyedFunction) -> None:
    keyed.define("if n == 1:\n    await proceed.wait()\nreturn n", options=", concurrency=2")
    same = [asyncio.ensure_future(keyed.reply()) for _ in range(9)]
    await until(lambda: keyed.runs == 1)
    assert (await keyed.reply("other", n=2)).status == 201
    assert (await keyed.reply(None, n=2)).status == 201
    keyed.module.proceed.set()
    assert {(await each).status for each in same} == {201}


async def test_failed_call_lets_the_next_one_run(keyed: KeyedFunction, caplog: Any) -> None:
    keyed.define(
        WRITE + "await proceed.wait()\nif len(runs) == 1:\n    raise ValueError\nreturn len(runs)"
    )
    same = [asyncio.ensure_future(keyed.reply()) for _ in range(5)]
    await until(lambda: keyed.runs == 1)
    keyed.module.proceed.set()
    replies = [await each for each in same]
    assert [reply.status for reply in replies] == [500, 201, 201, 201, 201]
    assert {reply.body for reply in replies[1:]} == {b"2"}
    assert (keyed.runs, await keyed.notes()) == (2, [1])


async def test_timed_out_call_stores_nothing(keyed: KeyedFunction) -> None:
    keyed.define(WRITE + "if len(runs) == 2:\n    await proceed.wait()\nreturn n")
    await keyed.reply("connected", n=2)
    keyed.function.timeout = SHORT
    assert (await keyed.reply()).status == 504
    keyed.function.timeout = 30
    assert (await keyed.reply()).status == 201
    assert (keyed.runs, await keyed.notes()) == (3, [1, 2])


async def test_timed_out_thread_holds_the_key_and_stores_its_reply(keyed: KeyedFunction) -> None:
    keyed.define("if n == 1:\n    release.wait()\nreturn len(runs)", "n: int", kind="def")
    await keyed.reply("connected", n=2)
    keyed.function.timeout = SHORT
    assert (await keyed.reply()).status == 504
    assert (await keyed.reply()).status == 409
    keyed.function.timeout = 30
    waiting = asyncio.ensure_future(keyed.reply())
    await asyncio.sleep(0)
    keyed.module.release.set()
    reply = await waiting
    assert (reply.status, reply.body, is_replayed(reply)) == (201, b"2", True)


@contextmanager
def commits_paused(keyed: KeyedFunction) -> Iterator[tuple[asyncio.Event, threading.Event]]:
    """Pause the writer's thread in each commit.

    Yield an event that is set when a commit starts, and one to set to continue the commit.
    """
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    writer = keyed.database._writer._idle[0]
    commit = writer.commit

    def paused() -> None:
        loop.call_soon_threadsafe(started.set)
        go_on.wait()
        commit()

    writer.commit = paused
    yield started, go_on
    writer.commit = commit


@pytest.mark.parametrize("kind", ["with a Tx", "waiting", "direct"])
async def test_disconnect_during_the_commit_stores_the_reply(
    sqlite_keyed: KeyedFunction, kind: str
) -> None:
    keyed = sqlite_keyed
    signature, keyword, body = KINDS[kind]
    keyed.define(body + "return len(runs)", signature, kind=keyword)
    await keyed.reply("warm")
    with commits_paused(keyed) as (started, go_on):
        first = asyncio.ensure_future(keyed.reply())
        await started.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        waiting = asyncio.ensure_future(keyed.reply())
        await asyncio.sleep(0)
        go_on.set()
        reply = await waiting
    assert (reply.status, reply.body, is_replayed(reply)) == (201, b"2", True)


@pytest.mark.parametrize("turns", range(8))
async def test_disconnect_at_any_moment_releases_the_key(keyed: KeyedFunction, turns: int) -> None:
    keyed.define(WRITE + "await asyncio.sleep(0)\nreturn n", options=", concurrency=1")
    await keyed.reply("warm")
    calls = [asyncio.ensure_future(keyed.reply("k" if number % 2 else "l")) for number in range(8)]
    for _ in range(turns):
        await asyncio.sleep(0)
    for call in calls[:6]:
        call.cancel()
    assert {(await call).status for call in calls[6:]} == {201}
    assert await keyed.notes() == [1, 1, 1]


async def test_generator_refuses_a_key(keyed: KeyedFunction) -> None:
    keyed.define("yield n", "n: int")
    reply = await keyed.reply()
    assert (reply.status, b"streamed reply" in reply.body, keyed.runs) == (400, True, 0)


@pytest.mark.parametrize("wait", ["", "await asyncio.sleep(0)\n"])
async def test_stream_is_not_stored_and_releases_its_key(keyed: KeyedFunction, wait: str) -> None:
    keyed.define(wait + "return iter([n])", "n: int")
    replies = [await keyed.reply() for _ in range(3)]
    assert not any(map(is_replayed, replies))
    assert keyed.runs == 3
    for reply in replies:
        assert isinstance(reply, StreamReply)
        reply.disconnect()


async def test_full_queue_is_503_and_releases_the_key(keyed: KeyedFunction) -> None:
    keyed.define("await proceed.wait()\nreturn n", options=", concurrency=1")
    keyed.function.concurrency.queue = 0
    first = asyncio.ensure_future(keyed.reply("a"))
    await until(lambda: keyed.runs == 1)
    assert (await keyed.reply("b")).status == 503
    keyed.module.proceed.set()
    assert (await first).status == 201
    await until(lambda: keyed.function.concurrency.running == 0)  # until the key is released
    assert (await keyed.reply("b")).status == 201


async def test_reply_that_cannot_be_stored_is_sent_and_logged(
    sqlite_keyed: KeyedFunction, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = sqlite_keyed
    keyed.define("return len(runs)", "n: int")
    monkeypatch.setattr("neurova.idempotency.execution.STORE_TIMEOUT", 0.02)
    await keyed.reply("warm")
    deadline = asyncio.get_running_loop().time() + 9
    blocking = keyed.database.transaction(readonly=False, deadline=deadline)
    await blocking.execute(text("INSERT INTO notes VALUES (9)"))
    assert (await keyed.reply()).body == b"2"
    await blocking.commit()
    assert "could not be stored" in caplog.text
    assert (await keyed.reply()).body == b"3"
