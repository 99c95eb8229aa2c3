"""A failing stream returns a problem before its head is sent, and is cut after it."""

import json
import logging
from typing import Any

import pytest
from tests.runtime.project import Project

by_kind = pytest.mark.parametrize("kind", ["async def", "def"])
by_error = pytest.mark.parametrize(
    "error", ["ValueError('secret')", "SystemExit(1)", "KeyboardInterrupt", "StopIteration"]
)


def define(project: Project, *statements: str, kind: str = "async def") -> Any:
    body = "\n    ".join(statements)
    return project.define(f'@get("/x")\n{kind} f():\n    {body}\n')


@by_kind
@by_error
async def test_failure_before_the_first_item_is_500(
    project: Project, caplog: Any, kind: str, error: str
) -> None:
    function = define(project, f"if 1: raise {error}", "yield 1", kind=kind)
    reply = await project.reply(function)
    assert (reply.status, b"secret" in reply.body) == (500, False)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert function.concurrency.running == 0


@by_kind
async def test_reject_before_the_first_item_is_its_problem(
    project: Project, caplog: Any, kind: str
) -> None:
    function = define(project, 'if 1: raise Reject(409, "sold")', "yield", kind=kind)
    reply = await project.reply(function)
    assert (reply.status, json.loads(reply.body)["detail"]) == (409, "sold")
    assert not caplog.records


@by_kind
@by_error
async def test_later_failure_cuts_the_stream_and_is_logged_with_its_id(
    project: Project, caplog: Any, kind: str, error: str
) -> None:
    function = define(project, "yield 1", f"raise {error}", kind=kind)
    call = project.call()
    call.trace_id = 255
    _, recorder = await project.stream(function, call)
    assert (recorder.pieces, recorder.end_status) == ([b"1\n"], 500)
    assert f"{255:032x}" in caplog.text
    assert function.concurrency.running == 0


async def test_later_reject_cuts_the_stream_and_is_logged(project: Project, caplog: Any) -> None:
    _, recorder = await project.stream(define(project, "yield 1", "raise Reject(409)"))
    assert recorder.end_status == 500
    assert "Reject(409) raised after its start" in caplog.text


async def test_later_item_that_cannot_be_encoded_cuts_the_stream(
    project: Project, caplog: Any
) -> None:
    _, recorder = await project.stream(define(project, "yield 1", "yield object()", "yield 2"))
    assert (recorder.pieces, recorder.end_status) == ([b"1\n"], 500)


@pytest.mark.parametrize("item", ["object()", "'\\udce9'"])
async def test_first_item_that_cannot_be_encoded_is_500(
    project: Project, caplog: Any, item: str
) -> None:
    assert (await project.reply(define(project, f"yield {item}"))).status == 500
