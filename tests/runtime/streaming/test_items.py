"""Items are sent in a form that the caller takes, each as soon as it is there."""

import asyncio
import inspect
import json
import threading
from typing import Any

import pytest

from neurova.execution.thread_pool import ThreadPool
from neurova.streaming.items import ThreadedIterator

HEAD = "from neurova import *\nfrom collections.abc import *\nimport asyncio, threading, msgspec\n"
KINDS = pytest.mark.parametrize("kind", ["async def", "def"])


def state(function: Any) -> dict[str, Any]:
    return inspect.unwrap(function.handler).__globals__


def generator(house: Any, kind: str, body: str, returns: str = "") -> Any:
    annotation = f" -> {returns}" if returns else ""
    return house.function(f'{HEAD}seen = []\n@get("/x")\n{kind} f(){annotation}:\n{body}\n')


@KINDS
@pytest.mark.parametrize(
    ("accept", "content_type", "body"),
    [
        ("", b"application/x-ndjson", b'{"n":1}\n"a"\nnull\n'),
        ("*/*", b"application/x-ndjson", b'{"n":1}\n"a"\nnull\n'),
        ("text/event-stream", b"text/event-stream",
         b'data: {"n":1}\n\ndata: "a"\n\ndata: null\n\n'),
        ("text/*;q=0.5, application/x-ndjson;q=0.4", b"text/event-stream",
         b'data: {"n":1}\n\ndata: "a"\n\ndata: null\n\n'),
        ("text/event-stream;q=0.1, */*", b"application/x-ndjson", b'{"n":1}\n"a"\nnull\n'),
    ],
)  # fmt: skip
def test_json_items_take_the_form_that_the_caller_accepts(
    house: Any, kind: str, accept: str, content_type: bytes, body: bytes
) -> None:
    function = generator(
        house, kind, "    yield {'n': 1}\n    yield 'a'\n    yield ServerSentEvent(None)"
    )

    async def asked() -> tuple[Any, Any]:
        return await house.streamed(function, house.call(headers={"accept": accept}))

    reply, basin = asyncio.run(asked())
    assert (reply.status, reply.content_type) == (200, content_type)
    assert b"".join(basin.pieces) == body
    assert basin.ended == 0


@KINDS
def test_who_takes_neither_form_is_refused_before_the_first_step(house: Any, kind: str) -> None:
    function = generator(house, kind, "    seen.append(1)\n    yield {}", "Iterator[dict]")
    reply = house.ask(function, house.call(headers={"accept": "application/json"}))
    assert reply.status == 406
    assert "application/x-ndjson or text/event-stream" in json.loads(reply.body)["detail"]
    assert state(function)["seen"] == []


@KINDS
@pytest.mark.parametrize(
    ("items", "content_type", "body"),
    [
        ("    yield 'a'\n    yield 'b'", b"text/plain; charset=utf-8", b"ab"),
        ("    yield b'a'\n    yield bytearray(b'b')", b"application/octet-stream", b"ab"),
    ],
)
def test_text_and_octets_are_sent_as_they_are(
    house: Any, kind: str, items: str, content_type: bytes, body: bytes
) -> None:
    function = generator(house, kind, items)

    async def asked() -> tuple[Any, Any]:
        return await house.streamed(function, house.call(headers={"accept": "image/png"}))

    reply, basin = asyncio.run(asked())
    assert (reply.content_type, b"".join(basin.pieces)) == (content_type, body)


def test_a_stream_may_say_its_type_status_and_fields(house: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\nasync def f() -> Stream:\n'
        "    return Stream(iter(['a,b\\n']), 'text/csv', status=203, headers={'x-a': '1'})\n"
    )

    async def asked() -> tuple[Any, Any]:
        return await house.streamed(function)

    reply, basin = asyncio.run(asked())
    assert (reply.status, reply.content_type, reply.fields) == (203, b"text/csv", [(b"x-a", b"1")])
    assert basin.pieces == [b"a,b\n"]


def test_a_type_that_a_stream_names_is_not_chosen_by_the_caller(house: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\nasync def f() -> Stream:\n'
        "    return Stream(iter([1]), 'text/event-stream')\n"
    )
    assert house.body(function) == b"data: 1\n\n"


def test_records_cannot_be_sent_as_a_type_of_text(house: Any, caplog: Any) -> None:
    function = house.function(
        HEAD + '@get("/x")\nasync def f() -> Stream:\n    return Stream(iter([{}]), "text/csv")\n'
    )
    assert house.ask(function).status == 500
    assert "must be str or bytes" in caplog.text


@KINDS
def test_a_stream_without_items_is_an_empty_body(house: Any, kind: str) -> None:
    assert house.body(generator(house, kind, "    return\n    yield")) == b""


def test_a_comment_holds_a_connection_and_is_no_record(house: Any) -> None:
    function = generator(house, "def", "    yield ServerSentEvent()\n    yield 1")
    assert house.body(function) == b"1\n"


def test_what_holds_items_back_on_the_way_is_told_not_to(house: Any) -> None:
    function = generator(house, "def", "    yield 1")

    async def asked() -> Any:
        return (await house.streamed(function))[0].fields

    fields = asyncio.run(asked())
    assert (b"cache-control", b"no-cache") in fields
    assert (b"x-accel-buffering", b"no") in fields


@KINDS
def test_head_ends_the_generator_after_its_first_step(house: Any, kind: str) -> None:
    body = "    try:\n        for n in range(9):\n            seen.append(n)\n            yield n\n"
    function = generator(house, kind, body + "    finally:\n        seen.append('end')")
    assert house.body(function, house.call(method="HEAD")) == b""
    assert state(function)["seen"] == [0, "end"]


def test_the_steps_of_a_plain_generator_run_in_threads_and_share_a_context(house: Any) -> None:
    function = generator(
        house,
        "def",
        "    for n in range(3):\n        NAME.set(NAME.get() + 1)\n"
        "        yield [NAME.get(), threading.current_thread() is threading.main_thread()]",
    )
    state(function)["NAME"] = __import__("contextvars").ContextVar("n", default=0)
    assert house.body(function) == b"[1,false]\n[2,false]\n[3,false]\n"


def test_who_is_cancelled_waits_for_the_step_that_runs() -> None:
    begun, go, seen = threading.Event(), threading.Event(), []

    def steps():  # type: ignore[no-untyped-def]
        try:
            begun.set()
            go.wait(60)
            yield 1
        finally:
            seen.append("closed")

    async def test() -> None:
        items = ThreadedIterator(steps(), ThreadPool())
        step = asyncio.ensure_future(anext(items))
        await asyncio.to_thread(begun.wait, 60)
        step.cancel()
        await asyncio.sleep(0)
        assert not step.done()
        go.set()
        await asyncio.wait((step,))
        assert step.cancelled()
        await items.aclose()
        assert seen == ["closed"]

    asyncio.run(test())


def test_a_step_waits_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from neurova.execution.thread_pool import ThreadPool, ThreadPoolFull

    class Busy(ThreadPool):
        times = 4

        def run(self, *step: Any) -> Any:
            self.times -= 1
            if self.times > 1:
                raise ThreadPoolFull
            if self.times == 1:  # it is given, when the call has waited too long
                given = asyncio.get_running_loop().create_future()
                given.set_result((None, ThreadPoolFull()))
                return given
            return super().run(*step)

    pool = Busy(1)

    async def test() -> list[int]:
        return [n async for n in ThreadedIterator(iter([1, 2]), pool)]

    assert asyncio.run(test()) == [1, 2]
