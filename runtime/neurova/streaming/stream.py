"""`Stream` and `ServerSentEvent`: results of functions that stream their reply."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ..http.call import Field
from ..http.reply import Reply

_LINE_END = re.compile(r"\r\n|\n|\r")
_encode = msgspec.json.Encoder().encode


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One server-sent event, with an optional name, id or reconnection time.

    `data`: str is sent unchanged, anything else as JSON; without it the event is a comment that
    keeps the connection alive. `retry` is in milliseconds. Raises ValueError for a name or id with
    a line end or NUL. Source: WHATWG HTML, 9.2.
    """

    data: Any = msgspec.UNSET
    event: str = ""
    id: str = ""
    retry: int | None = None

    def __post_init__(self) -> None:
        for name in ("event", "id"):
            value = getattr(self, name)
            if "\0" in value or _LINE_END.search(value):
                raise ValueError(f"ServerSentEvent {name} {value!r} contains a line end or NUL")

    def encode(self) -> bytes:
        """Return the event in the text/event-stream format."""
        lines = [f"event: {self.event}"] if self.event else []
        if self.id:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry}")
        if self.data is not msgspec.UNSET:
            text = self.data if isinstance(self.data, str) else _encode(self.data).decode()
            lines += [f"data: {line}" for line in _LINE_END.split(text)]
        return ("\n".join(lines or [":"]) + "\n\n").encode()


class Stream:
    """Answer with the items of an iterator, each sent as soon as it is produced.

    `items`: a plain iterator (each step runs in a thread) or an async one. str and bytes are sent
    unchanged, as `content_type`; other items as JSON, in the format that the caller accepts or
    `content_type` names: application/x-ndjson or text/event-stream. `status` 0 means the status
    of the decorator. Raises ValueError for headers that `Reply` would refuse.
    """

    __slots__ = ("content_type", "fields", "items", "json", "status")

    def __init__(
        self,
        items: Iterable[Any] | AsyncIterable[Any],
        content_type: str = "",
        *,
        status: int = 0,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    ) -> None:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if content_type:
            pairs.append(("content-type", content_type))
        head = Reply(status or 200, None, pairs)
        self.items = items
        self.status = status
        self.content_type = head.content_type
        self.fields: list[Field] = head.fields
        self.json: bool | None = None  # whether the items are JSON; None: unknown


def is_stream(annotation: Any) -> bool:
    """Return whether a return annotation, or a member of its union, is a stream type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_stream(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return any(map(is_stream, get_args(annotation)))
    kinds: list[type] = [Stream, AsyncIterable, Iterator]
    responses = sys.modules.get("starlette.responses")
    if responses is not None:
        kinds += [responses.StreamingResponse, responses.FileResponse]
    kind = origin or annotation
    return isinstance(kind, type) and issubclass(kind, tuple(kinds))


def as_stream(result: object) -> Stream | None:
    """Return the result of a function as a `Stream`, None if it is not an iterator."""
    if isinstance(result, Stream):
        return result
    if isinstance(result, AsyncIterable | Iterator):
        return Stream(result)
    return None
