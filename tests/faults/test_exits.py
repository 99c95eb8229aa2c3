"""A function that raises SystemExit and the like fails its own call; the worker continues."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import copy_probe
from ..serving import PATIENCE, Serving, port_of, serving

pytestmark = pytest.mark.server

WAYS = ("exit()", "sys.exit(3)", "raise SystemExit", "raise KeyboardInterrupt",
        "raise GeneratorExit", "raise BaseException", "raise asyncio.CancelledError")  # fmt: skip

DOMAIN = '''"""Ways to exit."""

import asyncio
import sys


def leave(way: int) -> None:
    exec({ways!r}[way])
'''

FORM = '''"""Exit in one of the ways."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

from neurova import get

from .domain import leave


@get("/{path}", public=True)
{kind} {name}({takes}) -> {gives}:
    {body}
'''
LATER = "await asyncio.sleep(0)\n    leave(way)"
HANDLERS = {
    "now": ("async def", "None", "leave(way)"),
    "later": ("async def", "None", LATER),
    "thread": ("def", "None", "leave(way)"),
    "stream": ("async def", "AsyncIterator[int]", "leave(way)\n    yield 1"),
    "plain": ("def", "Iterator[int]", "leave(way)\n    yield 1"),
    "midway": ("async def", "AsyncIterator[int]", "yield 1\n    " + LATER),
    "waiting": ("async def", "str", 'await asyncio.sleep(0.2)\n    return "unaffected"'),
    "pid": ("async def", "int", "return os.getpid()"),
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    project = copy_probe(tmp_path / "project")
    folder = project / "functions" / "probe"
    (folder / "domain.py").write_text((folder / "domain.py").read_text() + DOMAIN.format(ways=WAYS))
    for name, (kind, gives, body) in HANDLERS.items():
        has_no_way = name in ("waiting", "pid")
        path, takes = (name, "") if has_no_way else (f"{name}/{{way}}", "way: int")
        text = FORM.format(path=path, kind=kind, name=name, takes=takes, gives=gives, body=body)
        (folder / f"{name}.py").write_text(text)
    with serving(project, "run") as running:
        yield running


def ask(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_exit_fails_only_its_own_call(served: Serving) -> None:
    port = port_of(served.event("ready"))
    other = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    worker = ask(port, "/pid")
    assert worker[0] == 200
    for kind in ("now", "later", "thread", "stream", "plain"):
        for way in range(len(WAYS)):
            other.request("GET", "/waiting")
            status, problem = ask(port, f"/{kind}/{way}")
            assert (status, problem["status"]) == (500, 500), (kind, WAYS[way])
            answer = other.getresponse()
            assert (answer.status, answer.read()) == (200, b"unaffected")
            assert ask(port, "/pid") == worker
    other.close()


def test_exit_in_a_stream_cuts_only_that_stream(served: Serving) -> None:
    port = port_of(served.event("ready"))
    worker = ask(port, "/pid")
    for way in range(len(WAYS)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", f"/midway/{way}")
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        assert cut.value.partial.startswith(b"1")
        connection.close()
        assert ask(port, "/pid") == worker
