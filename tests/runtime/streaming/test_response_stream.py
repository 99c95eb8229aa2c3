"""A stream follows its client's pace, and ends on timeout, disconnect or failure."""

import asyncio
import logging
from typing import Any

import pytest
from tests.runtime.doubles import BodyRecorder
from tests.runtime.project import Project, module_of, until

from neurova.endpoints.function import DirectFunction
from neurova.http.reply import Reply
from neurova.streaming.response_stream import StreamReply

COUNTS = """
    @get("/x")
    {kind} f():
        try:
            for n in range(1000):
                events.append(n)
                yield n
        finally:
            events.append("end")
"""
HANGS = """
    @get("/x", timeout=0.01)
    async def f():
        try:
            {first}
            await asyncio.Event().wait()
            yield 2
        finally:
            events.append("end")
"""
YIELDS_AND_HANGS = HANGS.format(first="yield 1")


def counts(project: Project, kind: str = "async def") -> Any:
    return project.define(COUNTS.format(kind=kind))


async def start(
    project: Project, function: Any, recorder: BodyRecorder, timeout: float = 60
) -> StreamReply:
    """Start a stream; `timeout` counts from its first chunk."""
    function.timeout = 60
    reply = await project.reply(function)
    assert isinstance(reply, StreamReply)
    function.timeout = timeout
    reply.start(recorder)
    return reply


async def test_source_that_never_waits_does_not_block_the_loop(
    project: Project, recorder: BodyRecorder
) -> None:
    await start(project, counts(project), recorder)
    await until(lambda: len(recorder.pieces) > 1)
    assert len(recorder.pieces) < 1000


@pytest.mark.parametrize("is_started", [True, False])
@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_disconnect_ends_the_generator(
    project: Project, recorder: BodyRecorder, kind: str, is_started: bool
) -> None:
    function = counts(project, kind)
    recorder.reads.clear()
    reply: Any = await project.reply(function)
    if is_started:
        reply.start(recorder)
        await until(lambda: len(recorder.pieces) == 1)
    reply.disconnect()
    await asyncio.wait((reply.task,))
    assert module_of(function).events == [0, "end"]


async def test_late_first_piece_is_504(project: Project) -> None:
    function = project.define(HANGS.format(first="pass"))
    assert (await project.reply(function)).status == 504
    assert module_of(function).events == ["end"]


async def test_late_piece_cuts_the_stream(
    project: Project, recorder: BodyRecorder, caplog: Any
) -> None:
    function = project.define(YIELDS_AND_HANGS)
    reply = await start(project, function, recorder, 0.01)
    await asyncio.wait((reply.task,))
    assert (recorder.pieces, recorder.end_status) == ([b"1\n"], 504)
    assert module_of(function).events == ["end"]
    assert "no piece within 0.01 s" in caplog.text


async def test_time_of_a_slow_client_does_not_count(
    project: Project, recorder: BodyRecorder
) -> None:
    function = counts(project)
    recorder.reads.clear()
    reply = await start(project, function, recorder, 0.02)
    five_timeouts = asyncio.get_running_loop().time() + 0.1
    await until(lambda: asyncio.get_running_loop().time() > five_timeouts)
    assert recorder.end_status is None
    function.timeout = 60
    recorder.reads.set()
    await asyncio.wait((reply.task,))
    assert recorder.end_status == 0


async def test_late_thread_counts_until_it_ends_and_its_stream_is_cut(
    project: Project, recorder: BodyRecorder, caplog: Any
) -> None:
    function = project.define(
        """
        @get("/x")
        def f():
            yield 1
            release.wait()
            yield 2
        """
    )
    reply = await start(project, function, recorder, 0.01)
    await until(lambda: recorder.end_status is not None)
    assert (recorder.end_status, function.concurrency.running) == (504, 1)
    module_of(function).release.set()
    await asyncio.wait((reply.task,))
    assert (recorder.pieces, function.concurrency.running) == ([b"1\n"], 0)


async def test_stream_of_a_direct_function_counts_against_the_limit(project: Project) -> None:
    function = project.define(
        """
        @get("/x", concurrency=1)
        async def f(n: int):
            return iter("ab") if n else 0
        """
    )
    assert isinstance(function, DirectFunction)
    assert isinstance(function.invoke(project.call(query="n=0")), Reply)
    first: Any = await project.reply(function, project.call(query="n=1"))
    function.concurrency.queue = 0
    assert (await project.reply(function, project.call(query="n=1"))).status == 503
    first.disconnect()
    await asyncio.wait((first.task,))
    reply, recorder = await project.stream(function, project.call(query="n=1"))
    assert (reply.content_type, recorder.pieces) == (b"text/plain; charset=utf-8", [b"a", b"b"])


by_kind = pytest.mark.parametrize("kind", ["async def", "def"])


ERRORS = ("ValueError('secret')", "SystemExit(1)", "KeyboardInterrupt", "StopIteration")


def define_generator(project: Project, *statements: str, kind: str = "async def") -> Any:
    body = "\n    ".join(statements)
    return project.define(f'@get("/x")\n{kind} f():\n    {body}\n')


@by_kind
@pytest.mark.parametrize(
    ("statement", "status"),
    [
        *[(f"raise {error}", 500) for error in ERRORS],
        ("yield object()", 500),
        ("yield '\\udce9'", 500),
        ("raise Reject(409, 'sold')", 409),
    ],
)
async def test_failure_before_the_first_item_is_its_problem(
    project: Project, caplog: Any, kind: str, statement: str, status: int
) -> None:
    function = define_generator(project, f"if 1: {statement}", "yield 1", kind=kind)
    reply = await project.reply(function)
    assert (reply.status, b"secret" in reply.body) == (status, False)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * (status == 500)
    assert function.concurrency.running == 0


@by_kind
@pytest.mark.parametrize(
    "statement", [*(f"raise {error}" for error in (*ERRORS, "Reject(409)")), "yield object()"]
)
async def test_later_failure_cuts_the_stream_and_is_logged_with_its_id(
    project: Project, caplog: Any, kind: str, statement: str
) -> None:
    function = define_generator(project, "yield 1", statement, "yield 2", kind=kind)
    call = project.call()
    call.trace_id = 255
    _, recorder = await project.stream(function, call)
    assert (recorder.pieces, recorder.end_status) == ([b"1\n"], 500)
    rejected = "Reject(409) raised after the head was sent"
    assert (rejected if "Reject" in statement else f"{255:032x}") in caplog.text
    assert function.concurrency.running == 0
