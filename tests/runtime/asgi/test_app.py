"""Starlette's own responses, and whole apps, answer through the same outlet."""

import asyncio
import inspect
from typing import Any

import pytest

from neurova.streaming.response_stream import StreamReply

HEAD = """
from neurova import *
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response, StreamingResponse
import asyncio
seen = []
"""


def function(house: Any, body: str) -> Any:
    return house.function(f'{HEAD}\n@get("/x")\nasync def f(n: int = 0):\n{body}\n')


def seen(function: Any) -> list[Any]:
    return inspect.unwrap(function.handler).__globals__["seen"]  # type: ignore[no-any-return]


def test_a_streaming_response_keeps_its_status_type_and_fields(house: Any) -> None:
    made = function(
        house,
        "    return StreamingResponse(iter(['a', b'b']), 202, {'X-A': '1'}, media_type='text/csv')",
    )
    reply, basin = asyncio.run(house.streamed(made))
    assert (reply.status, reply.content_type) == (202, b"text/csv; charset=utf-8")
    assert reply.fields[0] == (b"x-a", b"1")
    assert b"".join(basin.pieces) == b"ab"
    assert basin.ended == 0


def test_a_file_is_sent_with_its_length_or_the_part_that_is_asked_for(
    house: Any, tmp_path: Any
) -> None:
    (tmp_path / "some.txt").write_bytes(b"0123456789")
    made = function(house, f"    return FileResponse({str(tmp_path / 'some.txt')!r})")
    reply, basin = asyncio.run(house.streamed(made))
    assert (reply.status, reply.length, b"".join(basin.pieces)) == (200, 10, b"0123456789")
    part = house.call(headers={"range": "bytes=2-4"})
    reply, basin = asyncio.run(house.streamed(made, part))
    assert (reply.status, reply.length, b"".join(basin.pieces)) == (206, 3, b"234")
    _, basin = asyncio.run(house.streamed(made, house.call(method="HEAD")))
    assert b"".join(basin.pieces) == b""


def test_a_file_that_needs_a_key_is_kept_by_its_caller_only(house: Any, tmp_path: Any) -> None:
    (tmp_path / "some.txt").write_bytes(b"0123456789")
    made = function(house, f"    return FileResponse({str(tmp_path / 'some.txt')!r})")
    reply, _ = asyncio.run(house.streamed(made))
    said = dict(reply.fields)
    assert b"last-modified" in said  # from which a cache guesses
    assert (said[b"cache-control"], said[b"vary"]) == (b"private", b"x-api-key, authorization")


def test_a_file_that_is_not_there_is_500_without_its_name(house: Any, tmp_path: Any) -> None:
    reply = house.ask(function(house, f"    return FileResponse({str(tmp_path / 'none')!r})"))
    assert reply.status == 500
    assert b"none" not in reply.body


def test_a_background_task_runs_when_the_body_is_whole(house: Any, basin: Any) -> None:
    made = function(
        house,
        "    gate = asyncio.Event()\n    seen.append(gate)\n"
        "    async def later():\n        await gate.wait()\n        seen.append('later')\n"
        "    return Response(b'x', background=BackgroundTask(later))",
    )

    async def test() -> None:
        into, reply = basin(), await house.reply(made)
        assert isinstance(reply, StreamReply)
        assert reply.length == 1
        reply.start(into)
        while into.ended is None:
            await asyncio.sleep(0)
        assert into.pieces == [b"x"]
        assert made.concurrency.running == 1
        seen(made)[0].set()
        await asyncio.wait((reply.task,))
        assert seen(made)[1:] == ["later"]
        assert made.concurrency.running == 0

    asyncio.run(test())


def test_a_background_task_that_fails_is_logged_and_the_reply_stays(
    house: Any, caplog: Any
) -> None:
    made = function(house, "    return Response(b'x', background=BackgroundTask(print, file=1))")
    _, basin = asyncio.run(house.streamed(made))
    assert (basin.pieces, basin.ended) == ([b"x"], 0)
    assert "AttributeError" in caplog.text


def test_who_leaves_stops_a_streaming_response_and_its_background_task_still_runs(
    house: Any, basin: Any
) -> None:
    made = function(
        house,
        "    async def items():\n        try:\n            yield 'a'\n"
        "            await asyncio.Event().wait()\n"
        "        finally:\n            seen.append('end')\n"
        "    return StreamingResponse(items(), background=BackgroundTask(seen.append, 'later'))",
    )

    async def test() -> None:
        into, reply = basin(), await house.reply(made)
        reply.start(into)
        while not into.pieces:
            await asyncio.sleep(0)
        reply.disconnect()
        await asyncio.wait((reply.task,))
        assert seen(made) == ["end", "later"]

    asyncio.run(test())


@pytest.mark.parametrize(
    "app",
    [
        "pass",
        "await send({'type': 'http.response.start', 'status': 200})",
        "await send({'type': 'http.response.body'})",
        "await send({'type': 'http.response.start', 'status': 101})\n"
        "            await send({'type': 'http.response.body'})",
        "await send({'type': 'websocket.accept'})",
        "await send({'type': 'http.response.start', 'status': 200,"
        " 'headers': [(b'a', b'1\\r\\nb: 2')]})\n"
        "            await send({'type': 'http.response.body'})",
    ],
)
def test_an_answer_that_is_none_is_500(house: Any, app: str) -> None:
    made = function(
        house,
        "    class Odd(StreamingResponse):\n"
        f"        async def __call__(self, scope, receive, send):\n            {app}\n"
        "    return Odd(())",
    )
    assert house.ask(made).status == 500
