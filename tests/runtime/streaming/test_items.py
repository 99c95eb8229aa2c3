"""Items are sent in a format that the caller accepts, as soon as each is produced."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.runtime.project import Project, module_of

from neurova.execution.thread_pool import ThreadPool, ThreadPoolFull
from neurova.streaming.items import ThreadedIterator

by_kind = pytest.mark.parametrize("kind", ["async def", "def"])
NDJSON = (b"application/x-ndjson", b'{"n":1}\n"a"\nnull\n')
EVENTS = (b"text/event-stream", b'data: {"n":1}\n\ndata: "a"\n\ndata: null\n\n')


def define(project: Project, *items: str, kind: str = "def", returns: str = "") -> Any:
    body = "\n    ".join(items)
    annotation = f" -> {returns}" if returns else ""
    return project.define(f'@get("/x")\n{kind} f(){annotation}:\n    {body}\n')


@by_kind
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", NDJSON),
        ("*/*", NDJSON),
        ("text/event-stream", EVENTS),
        ("text/*;q=0.5, application/x-ndjson;q=0.4", EVENTS),
        ("text/event-stream;q=0.1, */*", NDJSON),
    ],
)
async def test_json_items_have_the_format_that_the_caller_accepts(
    project: Project, kind: str, accept: str, expected: tuple[bytes, bytes]
) -> None:
    items = "yield {'n': 1}", "yield 'a'", "yield ServerSentEvent(None)"
    function = define(project, *items, kind=kind)
    reply, recorder = await project.stream(function, project.call(headers={"accept": accept}))
    assert (reply.status, recorder.end_status) == (200, 0)
    assert (reply.content_type, recorder.body) == expected


@by_kind
async def test_not_acceptable_is_406_before_the_first_step(project: Project, kind: str) -> None:
    returns = "__import__('collections').abc.Iterator[dict]"
    function = define(project, "events.append(1)", "yield {}", kind=kind, returns=returns)
    call = project.call(headers={"accept": "application/json"})
    reply = await project.reply(function, call)
    assert reply.status == 406
    assert "application/x-ndjson or text/event-stream" in json.loads(reply.body)["detail"]
    assert module_of(function).events == []


@by_kind
@pytest.mark.parametrize(
    ("items", "content_type"),
    [
        (("yield 'a'", "yield 'b'"), b"text/plain; charset=utf-8"),
        (("yield b'a'", "yield bytearray(b'b')"), b"application/octet-stream"),
    ],
)
async def test_text_and_bytes_are_sent_unchanged(
    project: Project, kind: str, items: tuple[str, ...], content_type: bytes
) -> None:
    call = project.call(headers={"accept": "image/png"})
    reply, recorder = await project.stream(define(project, *items, kind=kind), call)
    assert (reply.content_type, recorder.body) == (content_type, b"ab")


async def test_stream_sets_its_type_status_and_headers(project: Project, caplog: Any) -> None:
    statement = "return Stream(iter(['a,b\\n']), 'text/csv', status=203, headers={'x-a': '1'})"
    reply, recorder = await project.stream(define(project, statement, kind="async def"))
    assert (reply.status, reply.content_type, reply.fields) == (203, b"text/csv", [(b"x-a", b"1")])
    assert recorder.body == b"a,b\n"
    statement = "return Stream(iter([1]), 'text/event-stream')"
    _, recorder = await project.stream(define(project, statement, kind="async def"))
    assert recorder.body == b"data: 1\n\n"
    statement = "return Stream(iter([{}]), 'text/csv')"
    assert (await project.reply(define(project, statement, kind="async def"))).status == 500
    assert "must be str or bytes" in caplog.text


async def test_comment_event_is_no_json_line_and_proxies_do_not_buffer(project: Project) -> None:
    reply, recorder = await project.stream(define(project, "yield ServerSentEvent()", "yield 1"))
    assert recorder.body == b"1\n"
    assert (b"cache-control", b"no-cache") in reply.fields
    assert (b"x-accel-buffering", b"no") in reply.fields


@by_kind
async def test_head_ends_the_generator_after_one_step(project: Project, kind: str) -> None:
    function = project.define(
        f"""
        @get("/x")
        {kind} f():
            try:
                for n in range(9):
                    events.append(n)
                    yield n
            finally:
                events.append("end")
        """
    )
    _, recorder = await project.stream(function, project.call(method="HEAD"))
    assert recorder.body == b""
    assert module_of(function).events == [0, "end"]


async def test_steps_of_a_plain_generator_share_a_context_in_threads(project: Project) -> None:
    function = project.define(
        """
        NUMBER = contextvars.ContextVar("number", default=0)

        @get("/x")
        def f():
            for _ in range(3):
                NUMBER.set(NUMBER.get() + 1)
                yield [NUMBER.get(), threading.current_thread() is threading.main_thread()]
        """
    )
    _, recorder = await project.stream(function)
    assert recorder.body == b"[1,false]\n[2,false]\n[3,false]\n"


async def test_cancelled_step_ends_first() -> None:
    started, go_on, events = threading.Event(), threading.Event(), []

    def steps() -> Iterator[int]:
        try:
            started.set()
            go_on.wait(60)
            yield 1
        finally:
            events.append("closed")

    items = ThreadedIterator(steps(), ThreadPool())
    step = asyncio.ensure_future(anext(items))
    await asyncio.to_thread(started.wait, 60)
    step.cancel()
    await asyncio.sleep(0)
    assert not step.done()
    go_on.set()
    await asyncio.wait((step,))
    assert step.cancelled()
    await items.aclose()
    assert events == ["closed"]


async def test_step_waits_for_a_free_thread() -> None:
    class BusyPool(ThreadPool):
        refusals = 3

        def run(self, *step: Any) -> Any:
            self.refusals -= 1
            if self.refusals > 0:
                raise ThreadPoolFull
            if self.refusals == 0:  # what the pool returns after too long a wait
                work = asyncio.get_running_loop().create_future()
                work.set_result((None, ThreadPoolFull()))
                return work
            return super().run(*step)

    items = ThreadedIterator(iter([1, 2]), BusyPool(1))
    assert [n async for n in items] == [1, 2]
