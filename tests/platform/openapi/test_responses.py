"""The documented forms of a return annotation match the responses of the runtime."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from enum import StrEnum
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest
from starlette.responses import HTMLResponse

from neurova import Reply, Stream
from neurova.binding.parameter import REQUIRED
from neurova_platform.openapi.responses import (
    ANY,
    OCTETS,
    TEXT,
    ResponseForms,
    response_forms,
)


class Thing(msgspec.Struct):
    name: str = "x"


class Word(StrEnum):
    ONE = "one"


EITHER = ("application/x-ndjson", "text/event-stream")
Id = NewType("Id", str)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Thing, ResponseForms(Thing)),
        (list[Thing], ResponseForms(list[Thing])),
        (int | str, ResponseForms(int, (TEXT,))),
        (None, ResponseForms(empty=True)),
        (Thing | None, ResponseForms(Thing, empty=True)),
        (str, ResponseForms(media=(TEXT,))),
        (Id, ResponseForms(media=(TEXT,))),
        (Annotated[str, msgspec.Meta(max_length=3)], ResponseForms(media=(TEXT,))),
        (Literal["a", "b"], ResponseForms(media=(TEXT,))),
        (Literal["a", 1], ResponseForms(Literal["a", 1])),
        (Word, ResponseForms(media=(TEXT,))),
        (bytes, ResponseForms(media=(OCTETS,))),
        (Reply, ResponseForms(free=True)),
        (Thing | Reply, ResponseForms(Thing, free=True)),
        (HTMLResponse, ResponseForms(free=True)),
        (Any, ResponseForms(media=(ANY,), empty=True)),
        (AsyncIterator[Thing], ResponseForms(media=EITHER)),
        (Generator[dict, None, None], ResponseForms(media=EITHER)),
        (Iterator[str], ResponseForms(media=(TEXT,))),
        (AsyncGenerator[bytes, None], ResponseForms(media=(OCTETS,))),
        (Iterator, ResponseForms(media=(ANY,))),
        (Stream, ResponseForms(free=True)),
        (REQUIRED, ResponseForms(media=(ANY,), empty=True, free=True)),
    ],
    ids=str,
)
def test_annotation_has_response_forms(annotation: Any, expected: ResponseForms) -> None:
    assert response_forms(annotation) == expected
