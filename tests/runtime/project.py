"""A project on disk: write function files, load them, and call the functions."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

from tests.runtime.doubles import BodyRecorder, FakeDatabase

from neurova.endpoints.endpoint import Endpoint
from neurova.execution.context import ExecutionContext
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova.loading.loader import load_service
from neurova.loading.service import Service
from neurova.resources import Resources
from neurova.streaming.response_stream import StreamReply

PRELUDE = """
import asyncio, contextvars, threading
from neurova import *
events = []
release = threading.Event()
"""


class Project:
    """A functions/ folder with an in-memory database."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database: Any = FakeDatabase()
        self.execution = ExecutionContext()

    def write(self, service: str, **files: str) -> Path:
        folder = self.root / service
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            (folder / f"{name}.py").write_text(dedent(source))
        return folder

    def load(self, service: str) -> Service:
        resources = Resources(database=lambda: self.database)
        return load_service(self.root, service, resources, self.execution)

    def function(self, source: str, **others: str) -> Any:
        """Return the only function of service "shop", whose file contains `source`."""
        self.write("shop", only=source, **others)
        (function,) = self.load("shop").functions
        return function

    def define(self, source: str) -> Any:
        """Return the only function in `source`, which may use the names from PRELUDE."""
        return self.function(PRELUDE + dedent(source))

    def call(
        self,
        body: object = None,
        *,
        method: str = "",
        query: str = "",
        headers: dict[str, str] | None = None,
        **params: str,
    ) -> Call:
        """Return a call; a body that is not bytes is sent as JSON."""
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        named = {"host": "localhost", "content-type": "application/json" if raw else ""}
        named |= headers or {}
        fields = [(name.encode(), text.encode("latin-1")) for name, text in named.items() if text]
        call = Call(method or ("POST" if raw else "GET"), b"/x", query.encode(), fields, "", raw)
        call.params = params
        return call

    async def reply(self, endpoint: Any, call: Call | None = None) -> Reply:
        answer = endpoint.invoke(call or self.call())
        return answer if isinstance(answer, Reply) else await answer

    async def stream(self, endpoint: Any, call: Call | None = None) -> tuple[Any, BodyRecorder]:
        """Return a streamed reply and its complete body."""
        reply, recorder = await self.reply(endpoint, call), BodyRecorder()
        assert isinstance(reply, StreamReply), reply.body
        reply.start(recorder)
        await asyncio.wait((reply.task,))
        return reply, recorder

    def faults(self, reply: Reply) -> set[tuple[str, str]]:
        """Return the locations of a problem's faults as (in, pointer)."""
        return {(fault["in"], fault["pointer"]) for fault in json.loads(reply.body)["errors"]}


def module_of(endpoint: Endpoint) -> ModuleType:
    """Return the module of a function created by `Project.function`."""
    return sys.modules[f"{endpoint.generation.name}.only"]  # type: ignore[attr-defined]  # a Generation


async def until(condition: Callable[[], bool]) -> None:
    """Run the event loop until `condition` is true."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


async def turn_loop(times: int = 100) -> None:
    """Run all callbacks that are ready."""
    for _ in range(times):
        await asyncio.sleep(0)
