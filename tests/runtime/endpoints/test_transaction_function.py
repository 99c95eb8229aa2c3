"""A function with a Tx commits if it returns in time; otherwise it rolls back."""

import asyncio
import json
from time import monotonic
from typing import Any

import pytest
from tests.runtime.project import Project, module_of, until

from neurova.errors import Unavailable

SOURCE = """
    @{method}("/x", timeout={timeout})
    async def f(tx: Tx) -> object:
        await tx.execute("row")
        {ending}
"""


def define(
    project: Project, ending: str = "return 1", method: str = "post", timeout: float = 30
) -> Any:
    return project.define(SOURCE.format(method=method, timeout=timeout, ending=ending))


@pytest.mark.parametrize(
    ("ending", "status", "commits"),
    [
        ("raise Reject(409)", 409, False),
        ("raise ValueError", 500, False),
        ("raise SystemExit", 500, False),
        ("raise asyncio.CancelledError", 500, False),
        ("return object()", 500, False),
        ("return iter('a')", 500, False),
        ("return Reply(409)", 409, True),
        ("return None", 204, True),
        ("return 1", 200, True),
        ("asyncio.current_task().cancel(); return 1", 200, True),
    ],
)
async def test_raising_rolls_back_and_returning_commits(
    project: Project, caplog: Any, ending: str, status: int, commits: bool
) -> None:
    assert (await project.reply(define(project, ending))).status == status
    assert project.database.rows == (["row"] if commits else [])
    assert project.database.events == ["commit" if commits else "rollback"]
    assert project.database.opened[0][0] is False


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("return 1", ["commit", "async 1", "plain 2", "lambda"]),
        ("raise Reject(409)", ["rollback"]),
        ("raise ValueError", ["rollback"]),
        ("return object()", ["rollback"]),
    ],
)
async def test_callbacks_run_after_the_commit_only(
    project: Project, caplog: Any, ending: str, expected: list[str]
) -> None:
    """A failing callback does not affect others; a conflict drops its attempt's callbacks."""
    function = project.define(
        f"""
        async def note_async(*what):
            await asyncio.sleep(0)
            events.append(what)

        def note_plain(*what):
            assert threading.current_thread() is not threading.main_thread()
            events.append(what)

        def fail(error):
            raise error

        @post("/x", concurrency=1)
        async def f(tx: Tx) -> object:
            tx.after_commit(fail, SystemExit(1))
            tx.after_commit(note_async, "async", 1)
            tx.after_commit(fail, ValueError("mail"))
            tx.after_commit(note_plain, "plain", 2)
            tx.after_commit(lambda: note_async("lambda"))
            await tx.execute("row")
            {ending}
        """
    )
    project.database.conflicts = 1
    await project.reply(function)
    await until(lambda: function.concurrency.running == 0)
    called = [" ".join(map(str, what)) for what in module_of(function).events]
    assert [*project.database.events[1:], *called] == expected
    assert caplog.text.count("fail failed after the reply") == (2 if called else 0)


async def test_callback_runs_after_the_reply_and_counts_towards_the_limit(
    project: Project, caplog: Any
) -> None:
    function = project.define(
        """
        @post("/x", concurrency=1, timeout=30)
        async def f(tx: Tx):
            async def wait_for_reply():
                await proceed.wait()

            proceed = asyncio.Event()
            tx.after_commit(wait_for_reply)
            events.append(proceed)
        """
    )
    function.concurrency.queue = 0
    call = project.call()
    assert (await project.reply(function, call)).status == 204
    assert (await project.reply(function)).status == 503
    module_of(function).events[0].set()
    assert call.task is not None
    await asyncio.wait((call.task,))
    function.timeout = 0.01
    assert (await project.reply(function, call)).status == 204
    await asyncio.wait((call.task,))
    assert "wait_for_reply failed after the reply" in caplog.text
    assert function.concurrency.running == 0


async def test_get_has_a_readonly_transaction_with_the_deadline_of_the_call(
    project: Project,
) -> None:
    call = project.call(method="HEAD")
    assert (await project.reply(define(project, method="get"), call)).status == 200
    assert project.database.opened == [(True, call.deadline)]


@pytest.mark.parametrize(
    "ending",
    [
        "await asyncio.sleep(60)",
        """try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return 1""",
    ],
    ids=["hangs", "hides its cancellation"],
)
async def test_timeout_rolls_back(project: Project, ending: str) -> None:
    assert (await project.reply(define(project, ending, timeout=0.01))).status == 504
    assert project.database.events == ["rollback"]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_deadline_or_disconnect_does_not_interrupt_a_commit(
    project: Project, is_cancelled: bool
) -> None:
    async def commit() -> None:
        if is_cancelled:
            waiting.cancel()
        deadline = project.database.opened[0][1]
        await until(lambda: monotonic() > deadline + 0.005)
        await asyncio.sleep(0)  # let the deadline's timer fire

    project.database.on_commit = commit
    waiting = asyncio.ensure_future(project.reply(define(project, timeout=0.5)))
    await asyncio.wait([waiting])
    assert waiting.cancelled() if is_cancelled else waiting.result().status == 200
    await until(lambda: bool(project.database.events))
    assert (project.database.rows, project.database.events) == (["row"], ["commit"])


async def test_failed_commit_is_500_without_internals(project: Project, caplog: Any) -> None:
    async def fail() -> None:
        raise OSError("disk full")

    project.database.on_commit = fail
    reply = await project.reply(define(project))
    assert reply.status == 500
    assert "disk" not in json.loads(reply.body)["detail"]
    assert project.database.events == ["rollback"]


@pytest.mark.parametrize("failure", [{"error": Unavailable("locked")}, {"conflicts": 1_000_000}])
async def test_unavailable_database_is_503_with_retry_after(
    project: Project, caplog: Any, failure: dict[str, Any]
) -> None:
    """Conflicts that last until the deadline also yield 503."""
    vars(project.database).update(failure, margin=59.8)  # no retries after 0.2 s of the 60 s
    reply = await project.reply(define(project, timeout=60))
    assert (reply.status, (b"retry-after", b"1") in reply.fields) == (503, True)
    assert b"locked" not in reply.body
    assert set(project.database.events) == {"rollback"}


async def test_arguments_are_bound_anew_after_a_conflict(project: Project) -> None:
    function = project.define(
        """
        import msgspec

        class Order(msgspec.Struct):
            items: list[str]

        @post("/x")
        async def f(order: Order, tx: Tx) -> int:
            events.append(list(order.items))
            order.items.clear()
            await tx.execute("row")
            return len(events)
        """
    )
    project.database.conflicts = 3
    reply = await project.reply(function, project.call({"items": ["a"]}))
    assert (reply.status, reply.body) == (200, b"4")
    assert module_of(function).events == [["a"]] * 4
    assert project.database.events == ["rollback"] * 3 + ["commit"]
