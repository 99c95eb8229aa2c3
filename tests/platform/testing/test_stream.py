"""A test reads a stream while it is made, and leaves it when it likes."""

from __future__ import annotations

from typing import Any

import pytest

from neurova_platform.testing.stream import Cut

SOURCE = """
from neurova import Stream, get
from .domain import counted


@get("/made/{most}", public=True)
async def made(most: int, form: str = ""):
    def items():
        try:
            for number in range(most):
                counted.append("item")
                yield number if not form else f"piece {number}"
            if most == 3:
                raise ValueError
        finally:
            counted.append("end")

    return Stream(items(), form)
"""


@pytest.fixture
def streams(probe: Any, probe_project: Any) -> Any:
    (probe_project / "functions" / "probe" / "made.py").write_text(SOURCE)
    probe.platform.load()
    return probe


def test_items_come_one_by_one_as_they_are_made(streams: Any) -> None:
    with streams.stream("/made/1000") as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "application/x-ndjson")
        assert [next(stream), next(stream)] == [0, 1]
        assert streams.get("/count").json()["count"] < 10
    assert streams.get("/count").json()["count"] < 10
    assert [record.status for record in streams.records()][-2] == 499


def test_a_stream_is_read_to_its_end(streams: Any) -> None:
    with streams.stream("/made/5") as stream:
        assert list(stream) == [0, 1, 2, 3, 4]
    assert streams.records()[0].status == 200


def test_events_are_events_and_anything_else_is_octets(streams: Any) -> None:
    with streams.stream("/made/2", headers={"Accept": "text/event-stream"}) as stream:
        assert [event.json() for event in stream] == [0, 1]
    with streams.stream("/made/2?form=text/plain") as stream:
        assert list(stream) == [b"piece 0", b"piece 1"]


def test_a_stream_that_fails_says_so(streams: Any) -> None:
    with streams.stream("/made/3") as stream:
        assert [next(stream) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(Cut):
            next(stream)


def test_a_reply_that_is_no_stream_is_read_too(streams: Any) -> None:
    with streams.stream("/items/1") as stream:
        assert stream.status == 401
        assert b"".join(stream).startswith(b"{")
    with streams.stream("/items/1", scopes=[], consumer="acme") as stream:
        assert stream.status == 200
