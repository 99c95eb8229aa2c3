"""What an annotation says of the replies is what the runtime then sends."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest
from starlette.responses import HTMLResponse

from neurova import Reply, Stream
from neurova.binding.parameter import REQUIRED
from neurova.execution.replies import answered
from neurova_platform.openapi.replies import ANY, OCTETS, TEXT, Returns, returns


class Thing(msgspec.Struct):
    name: str = "x"


class Word(StrEnum):
    ONE = "one"


EITHER = ("application/x-ndjson", "text/event-stream")
Id = NewType("Id", str)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Thing, Returns(Thing)),
        (list[Thing], Returns(list[Thing])),
        (int | str, Returns(int, (TEXT,))),
        (None, Returns(nothing=True)),
        (Thing | None, Returns(Thing, nothing=True)),
        (str, Returns(media=(TEXT,))),
        (Id, Returns(media=(TEXT,))),
        (Annotated[str, msgspec.Meta(max_length=3)], Returns(media=(TEXT,))),
        (Literal["a", "b"], Returns(media=(TEXT,))),
        (Literal["a", 1], Returns(Literal["a", 1])),
        (Word, Returns(media=(TEXT,))),
        (bytes, Returns(media=(OCTETS,))),
        (Reply, Returns(free=True)),
        (Thing | Reply, Returns(Thing, free=True)),
        (HTMLResponse, Returns(free=True)),
        (Any, Returns(media=(ANY,), nothing=True)),
        (AsyncIterator[Thing], Returns(media=EITHER)),
        (Generator[dict, None, None], Returns(media=EITHER)),
        (Iterator[str], Returns(media=(TEXT,))),
        (AsyncGenerator[bytes, None], Returns(media=(OCTETS,))),
        (Iterator, Returns(media=(ANY,))),
        (Stream, Returns(free=True)),
        (REQUIRED, Returns(media=(ANY,), nothing=True, free=True)),
    ],
    ids=str,
)
def test_an_annotation_says_what_is_sent(annotation: Any, expected: Returns) -> None:
    assert returns(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Thing, Thing()),
        (int | str, 3),
        (int | str, "three"),
        (Thing | None, None),
        (Word, Word.ONE),
        (bytes, b"x"),
        (dict[str, int], {"a": 1}),
    ],
)
def test_the_runtime_sends_what_was_said(annotation: Any, value: object) -> None:
    said, sent = returns(annotation), answered(value, 200)
    if value is None:
        assert said.nothing
        assert sent.status == 204
    else:
        media = [*said.media, *(["application/json"] if said.json is not REQUIRED else [])]
        assert sent.content_type.decode().partition(";")[0] in media
