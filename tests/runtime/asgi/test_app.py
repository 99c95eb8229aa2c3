"""Starlette responses are sent unchanged."""

import asyncio
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from tests.runtime.doubles import BodyRecorder
from tests.runtime.project import Project, module_of, until

from neurova.streaming.response_stream import StreamReply

SOURCE = """
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse
proceed = asyncio.Event()


@get("/x")
async def f(n: int = 0):
"""


def define(project: Project, *statements: str) -> Any:
    return project.define(SOURCE + indent("\n".join(statements), "    "))


@pytest.fixture
def digits(tmp_path: Path) -> str:
    (tmp_path / "digits.txt").write_bytes(b"0123456789")
    return f"return FileResponse({str(tmp_path / 'digits.txt')!r})"


async def test_streaming_response_keeps_its_status_type_and_headers(project: Project) -> None:
    reply, recorder = await project.stream(
        define(
            project,
            "items = iter(['a', b'b'])",
            "return StreamingResponse(items, 202, {'X-A': '1'}, media_type='text/csv')",
        )
    )
    assert (reply.status, reply.content_type) == (202, b"text/csv; charset=utf-8")
    assert reply.fields[0] == (b"x-a", b"1")
    assert (recorder.body, recorder.end_status) == (b"ab", 0)


@pytest.mark.parametrize(
    ("method", "range_", "expected"),
    [
        ("GET", "", (200, 10, b"0123456789")),
        ("GET", "bytes=2-4", (206, 3, b"234")),
        ("HEAD", "", (200, 10, b"")),
    ],
)
async def test_file_is_private_and_sent_whole_or_in_part(
    project: Project, digits: str, method: str, range_: str, expected: tuple[int, int, bytes]
) -> None:
    call = project.call(method=method, headers={"range": range_})
    reply, recorder = await project.stream(define(project, digits), call)
    assert (reply.status, reply.length, recorder.body) == expected
    fields = dict(reply.fields)
    assert b"last-modified" in fields  # allows heuristic caching
    assert fields[b"cache-control"] == b"private"
    assert fields[b"vary"] == b"x-api-key, authorization"


async def test_missing_file_is_500_without_its_name(project: Project, caplog: Any) -> None:
    reply = await project.reply(define(project, "return FileResponse('/nowhere/secret.txt')"))
    assert (reply.status, b"secret" in reply.body) == (500, False)


async def test_background_task_runs_after_the_body(
    project: Project, recorder: BodyRecorder
) -> None:
    function = define(
        project,
        "async def later():",
        "    await proceed.wait()",
        "    events.append('later')",
        "return Response(b'x', background=BackgroundTask(later))",
    )
    reply: Any = await project.reply(function)
    assert isinstance(reply, StreamReply)
    assert reply.length == 1
    reply.start(recorder)
    await until(lambda: recorder.end_status is not None)
    assert (recorder.body, function.concurrency.running) == (b"x", 1)
    module = module_of(function)
    module.proceed.set()
    await asyncio.wait((reply.task,))
    assert (module.events, function.concurrency.running) == (["later"], 0)


async def test_failing_background_task_is_logged(project: Project, caplog: Any) -> None:
    statement = "return Response(b'x', background=BackgroundTask(print, file=1))"
    _, recorder = await project.stream(define(project, statement))
    assert (recorder.body, recorder.end_status) == (b"x", 0)
    assert "AttributeError" in caplog.text


async def test_disconnect_ends_the_stream_but_not_its_background_task(
    project: Project, recorder: BodyRecorder
) -> None:
    function = define(
        project,
        "async def items():",
        "    try:",
        "        yield 'a'",
        "        await asyncio.Event().wait()",
        "    finally:",
        "        events.append('end')",
        "later = BackgroundTask(events.append, 'later')",
        "return StreamingResponse(items(), background=later)",
    )
    reply: Any = await project.reply(function)
    reply.start(recorder)
    await until(lambda: bool(recorder.pieces))
    reply.disconnect()
    await asyncio.wait((reply.task,))
    assert module_of(function).events == ["end", "later"]


START = "'type': 'http.response.start'"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [f"{{{START}, 'status': 200}}"],
        ["{'type': 'http.response.body'}"],
        [f"{{{START}, 'status': 101}}", "{'type': 'http.response.body'}"],
        ["{'type': 'websocket.accept'}"],
        [
            f"{{{START}, 'status': 200, 'headers': [(b'a', b'1\\r\\nb: 2')]}}",
            "{'type': 'http.response.body'}",
        ],
    ],
)
async def test_invalid_messages_of_an_app_are_500(
    project: Project, caplog: Any, messages: list[str]
) -> None:
    function = define(
        project,
        "class Odd(StreamingResponse):",
        "    async def __call__(self, scope, receive, send):",
        *(f"        await send({message})" for message in messages),
        "        return None",
        "return Odd(())",
    )
    assert (await project.reply(function)).status == 500
