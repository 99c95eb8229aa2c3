"""A Snapshot is read-only and stays open until the response is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.runtime.doubles import BodyRecorder
from tests.runtime.project import Project, until

from neurova.endpoints.factory import MAX_STREAMED_SNAPSHOTS
from neurova.streaming.response_stream import StreamReply

ROWS = """
    async def rows(snapshot):
        for n in range(3):
            await snapshot.execute(n)
            yield f"{n}"
"""
KINDS = {
    "generator": """
    @get("/x", concurrency=1)
    async def f(snapshot: Snapshot):
        async for row in rows(snapshot):
            yield row
""",
    "stream": """
    @get("/x", concurrency=1)
    async def f(snapshot: Snapshot) -> Stream:
        return Stream(rows(snapshot))
""",
    "response": """
    from starlette.responses import StreamingResponse

    @get("/x", concurrency=1)
    async def f(snapshot: Snapshot):
        return StreamingResponse(rows(snapshot))
""",
}


@pytest.mark.parametrize("ending", ["read", "disconnect"])
@pytest.mark.parametrize("source", KINDS.values(), ids=KINDS)
async def test_snapshot_stays_open_until_the_stream_ends(
    project: Project, recorder: BodyRecorder, source: str, ending: str
) -> None:
    function = project.define(ROWS + source)
    reply: Any = await project.reply(function)
    assert isinstance(reply, StreamReply)
    recorder.reads.clear()
    reply.start(recorder)
    await until(lambda: bool(recorder.pieces))
    assert project.database.events == []
    if ending == "disconnect":
        reply.disconnect()
    recorder.reads.set()
    await asyncio.wait((reply.task,))
    assert recorder.body == (b"012" if ending == "read" else b"0")
    assert project.database.events == ["rollback"]
    assert [readonly for readonly, _ in project.database.opened] == [True]
    assert function.concurrency.running == 0


@pytest.mark.parametrize(
    ("ending", "status", "snapshots"),
    [("return 1", 200, 1), ("raise Reject(404)", 404, 1), ("raise ValueError", 500, 3)],
)
async def test_each_attempt_has_a_snapshot_that_is_closed(
    project: Project, caplog: Any, ending: str, status: int, snapshots: int
) -> None:
    function = project.define(
        f"""
        @get("/x", retries=2, backoff=0)
        async def f(snapshot: Snapshot):
            await snapshot.execute("row")
            {ending}
        """
    )
    assert (await project.reply(function)).status == status
    await until(lambda: function.concurrency.running == 0)
    assert len(project.database.opened) == snapshots
    assert len(project.database.events) >= snapshots
    assert set(project.database.events) == {"rollback"}


async def test_streams_hold_few_connections_by_default(project: Project) -> None:
    source = KINDS["generator"].replace(", concurrency=1", "")
    assert project.define(ROWS + source).concurrency.limit == MAX_STREAMED_SNAPSHOTS
