"""Reading a streamed response item by item, and disconnecting before its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova_gateway.server.asgi import TruncatedResponse
from neurova_platform.testing.platform import TestPlatform

SOURCE = """
from neurova import Stream, get
from .domain import counted


@get("/numbers/{count}", public=True)
async def numbers(count: int, media_type: str = ""):
    def items():
        try:
            for number in range(count):
                counted.append("item")
                yield number if not media_type else f"chunk {number}"
            if count == 3:
                raise ValueError
        finally:
            counted.append("end")

    return Stream(items(), media_type)
"""


@pytest.fixture
def streams(probe: TestPlatform, probe_project: Path) -> TestPlatform:
    (probe_project / "functions" / "probe" / "numbers.py").write_text(SOURCE)
    probe.platform.load()
    return probe


def test_function_produces_only_what_is_read(streams: TestPlatform) -> None:
    with streams.stream("/numbers/1000") as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "application/x-ndjson")
        assert [next(stream), next(stream)] == [0, 1]
        assert streams.get("/count").json()["count"] < 10
    assert streams.get("/count").json()["count"] < 10
    assert [record.status for record in streams.records()][-2] == 499


def test_items_follow_the_media_type(streams: TestPlatform) -> None:
    with streams.stream("/numbers/2", headers={"Accept": "text/event-stream"}) as stream:
        assert [event.json() for event in stream] == [0, 1]
    with streams.stream("/numbers/2?media_type=text/plain") as stream:
        assert list(stream) == [b"chunk 0", b"chunk 1"]


def test_failing_stream_raises_at_the_missing_item(streams: TestPlatform) -> None:
    with streams.stream("/numbers/3") as stream:
        assert [next(stream) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(TruncatedResponse):
            next(stream)


def test_plain_response_can_be_read_as_stream(streams: TestPlatform) -> None:
    with streams.stream("/items/1") as stream:
        assert stream.status == 401
        assert b"".join(stream).startswith(b"{")
    with streams.stream("/items/1", scopes=[], consumer="acme") as stream:
        assert stream.status == 200
