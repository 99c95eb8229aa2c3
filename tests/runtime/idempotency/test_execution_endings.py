"""However a call with an Idempotency-Key ends, its key is free, and what is done is kept."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import text
from tests.runtime.shop import KINDS, WRITE, Shop, replayed, until

from neurova.database.sqlite.database import SqliteDatabase
from neurova.streaming.response_stream import StreamReply

SHORT = 1.0  # seconds in which a server on a busy machine answers, once connected


def test_a_duplicate_waits_until_its_own_deadline_then_it_is_409(shop: Shop) -> None:
    shop.serve("await go.wait()\n" + WRITE + "return n\n")

    async def test() -> None:
        first = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.ran == 1)
        shop.function.timeout = SHORT
        late = await shop.ask()
        assert late.status == 409
        assert (b"retry-after", b"1") in late.fields
        shop.state["go"].set()
        assert (await first).status == 201
        shop.function.timeout = 30
        assert replayed(await shop.ask())
        assert await shop.notes() == [1]

    shop.run(test)


def test_duplicates_that_wait_take_no_place_from_other_calls(shop: Shop) -> None:
    shop.serve("if n == 1:\n    await go.wait()\nreturn n\n", options=", concurrency=2")

    async def test() -> None:
        same = [asyncio.ensure_future(shop.ask()) for _ in range(9)]
        await until(lambda: shop.ran == 1)
        assert (await shop.ask("other", n=2)).status == 201
        assert (await shop.ask(None, n=2)).status == 201
        shop.state["go"].set()
        assert {(await each).status for each in same} == {201}

    shop.run(test)


def test_a_first_that_fails_lets_the_next_in_line_run(shop: Shop, caplog: Any) -> None:
    shop.serve(
        WRITE + "await go.wait()\nif len(ran) == 1:\n    raise ValueError\nreturn len(ran)\n"
    )

    async def test() -> None:
        same = [asyncio.ensure_future(shop.ask()) for _ in range(5)]
        await until(lambda: shop.ran == 1)
        shop.state["go"].set()
        replies = [await each for each in same]
        assert [reply.status for reply in replies] == [500, 201, 201, 201, 201]
        assert {reply.body for reply in replies[1:]} == {b"2"}
        assert (shop.ran, await shop.notes()) == (2, [1])

    shop.run(test)


def test_past_the_deadline_nothing_is_kept_and_the_next_runs(shop: Shop) -> None:
    shop.serve(WRITE + "if len(ran) == 2:\n    await go.wait()\nreturn n\n")

    async def test() -> None:
        await shop.ask("connected", n=2)
        shop.function.timeout = SHORT
        assert (await shop.ask()).status == 504
        shop.function.timeout = 30
        assert (await shop.ask()).status == 201
        assert (shop.ran, await shop.notes()) == (3, [1, 2])

    shop.run(test)


def test_a_thread_past_its_deadline_keeps_the_key_and_its_answer_is_kept(shop: Shop) -> None:
    shop.serve("if n == 1:\n    release.wait()\nreturn len(ran)\n", "n: int", "def")

    async def test() -> None:
        await shop.ask("connected", n=2)
        shop.function.timeout = SHORT
        assert (await shop.ask()).status == 504
        assert (await shop.ask()).status == 409
        shop.function.timeout = 30
        waiting = asyncio.ensure_future(shop.ask())
        await asyncio.sleep(0)
        shop.state["release"].set()
        reply = await waiting
        assert (reply.status, reply.body, replayed(reply)) == (201, b"2", True)

    shop.run(test)


@contextmanager
def commits_halted(shop: Shop) -> Iterator[tuple[asyncio.Event, Any]]:
    """Let the writer's thread wait in a commit until it is let go on."""
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    writer = shop.database._transactions._writer._idle[0]
    commit = writer.commit

    def halted() -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait()
        commit()

    writer.commit = halted  # type: ignore[method-assign]
    yield begun, go
    writer.commit = commit  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", ["with a Tx", "waiting", "direct"])
def test_a_first_whose_client_leaves_while_it_commits_is_kept(file_shop: Shop, kind: str) -> None:
    shop = file_shop
    signature, options, body = KINDS[kind]
    shop.serve(body + "return len(ran)\n", signature, options)

    async def test() -> None:
        await shop.ask("warm")
        with commits_halted(shop) as (begun, go):
            first = asyncio.ensure_future(shop.ask())
            await begun.wait()
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            waiting = asyncio.ensure_future(shop.ask())
            await asyncio.sleep(0)
            go.set()
            reply = await waiting
        assert (reply.status, reply.body, replayed(reply)) == (201, b"2", True)

    shop.run(test)


def test_a_first_whose_client_leaves_before_is_undone_and_the_next_runs(shop: Shop) -> None:
    shop.serve(WRITE + "if len(ran) == 1:\n    await go.wait()\nreturn len(ran)\n")

    async def test() -> None:
        first = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.ran == 1)
        waiting = asyncio.ensure_future(shop.ask())
        await asyncio.sleep(0)
        first.cancel()
        reply = await waiting
        assert (reply.status, reply.body, replayed(reply)) == (201, b"2", False)
        assert await shop.notes() == [1]

    shop.run(test)


@pytest.mark.parametrize("turns", range(8))
def test_whenever_a_client_leaves_the_key_is_free_again(shop: Shop, turns: int) -> None:
    shop.serve(WRITE + "await asyncio.sleep(0)\nreturn n\n", options=", concurrency=1")

    async def test() -> None:
        await shop.ask("warm")
        calls = [asyncio.ensure_future(shop.ask("k" if number % 2 else "l")) for number in range(8)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls[:6]:
            call.cancel()
        assert {(await call).status for call in calls[6:]} == {201}
        assert await shop.notes() == [1, 1, 1]

    shop.run(test)


def test_a_generator_takes_no_key(shop: Shop) -> None:
    shop.serve("yield n\n", "n: int")

    async def test() -> None:
        reply = await shop.ask()
        assert reply.status == 400
        assert b"streamed reply" in reply.body
        assert shop.ran == 0

    asyncio.run(test())  # type: ignore[arg-type]


@pytest.mark.parametrize("wait", ["", "await asyncio.sleep(0)\n"])
def test_a_stream_is_not_kept_and_frees_its_key_when_it_begins(shop: Shop, wait: str) -> None:
    shop.serve(wait + "return iter([n])\n", "n: int")

    async def test() -> None:
        replies = [await shop.ask() for _ in range(3)]
        assert [type(reply) for reply in replies] == [StreamReply] * 3
        assert not any(map(replayed, replies))
        assert shop.ran == 3
        for reply in replies:
            assert isinstance(reply, StreamReply)
            reply.disconnect()

    shop.run(test)


def test_over_the_queue_it_is_503_and_the_key_is_free(shop: Shop) -> None:
    shop.serve("await go.wait()\nreturn n\n", options=", concurrency=1")

    async def test() -> None:
        shop.concurrency.queue = 0
        first = asyncio.ensure_future(shop.ask("a"))
        await until(lambda: shop.ran == 1)
        assert (await shop.ask("b")).status == 503
        shop.state["go"].set()
        assert (await first).status == 201
        assert (await shop.ask("b")).status == 201

    shop.run(test)


def test_a_store_that_cannot_be_used_is_500_and_nothing_runs(file_shop: Shop, caplog: Any) -> None:
    shop = file_shop
    shop.serve("return n\n", "n: int")
    shop.database = shop.house.ledger = SqliteDatabase(shop.database.path / "nowhere" / "x.db")

    async def test() -> None:
        assert (await shop.ask()).status == 500
        assert shop.ran == 0

    asyncio.run(test())  # type: ignore[arg-type]


def test_an_answer_that_cannot_be_kept_is_given_all_the_same_and_told_in_the_log(
    file_shop: Shop, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = file_shop
    shop.serve("return len(ran)\n", "n: int")

    async def test() -> None:
        monkeypatch.setattr("neurova.idempotency.execution.STORE_TIMEOUT", 0.02)
        await shop.ask("warm")
        holder = shop.database.transaction(
            readonly=False, deadline=asyncio.get_running_loop().time() + 9
        )
        await holder.execute(text("INSERT INTO notes VALUES (9)"))
        assert (await shop.ask()).body == b"2"
        await holder.commit()
        assert "could not be stored" in caplog.text
        assert (await shop.ask()).body == b"3"

    shop.run(test)


def test_of_many_keys_nothing_is_left_in_memory(shop: Shop) -> None:
    shop.serve("return n\n", "n: int")

    async def test() -> None:
        for _ in range(20):
            await asyncio.gather(*(shop.ask(str(number)) for number in range(25)))
        assert len(shop.claims) == 0

    shop.run(test)
