"""Derive the successful responses of a function from its return annotation."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, NoReturn, Union, get_args, get_origin

import msgspec

from neurova.binding.parameter import REQUIRED
from neurova.http.reply import Reply
from neurova.streaming.items import FORMATS
from neurova.streaming.stream import Stream

TEXT = "text/plain"
OCTETS = "application/octet-stream"
ANY = "*/*"


class ResponseForms(msgspec.Struct, frozen=True):
    """The successful responses of a function.

    `json`: the type that is sent as JSON, REQUIRED if there is none. `media`: other media types.
    `empty`: the function may send 204. `free`: the function may choose any status and body.
    """

    json: Any = REQUIRED
    media: tuple[str, ...] = ()
    empty: bool = False
    free: bool = False


def response_forms(annotation: Any) -> ResponseForms:
    """Return the forms of a return annotation, REQUIRED if it is missing."""
    if annotation is REQUIRED:
        return ResponseForms(media=(ANY,), empty=True, free=True)
    json: list[Any] = []
    media: list[str] = []
    empty = free = False
    for part in _parts(annotation):
        kind = _bare(part)
        if kind in (None, NoneType):
            empty = True
        elif _is_free(kind):
            free = True
        elif kind in (NoReturn, REQUIRED):
            continue
        elif _is(get_origin(kind) or kind, (AsyncIterable, Iterator)):
            media += _streamed(get_args(kind))
        elif kind in (Any, object):
            media.append(ANY)
            empty = True
        elif _is(kind, bytes):
            media.append(OCTETS)
        elif _is_text(kind):
            media.append(TEXT)
        else:
            json.append(part)
    union = Union[tuple(json)] if json else REQUIRED  # noqa: UP007 - built from a tuple
    return ResponseForms(union, tuple(dict.fromkeys(media)), empty, free)


def _streamed(arguments: tuple[Any, ...]) -> list[str]:
    """Return the media types of a stream; OpenAPI 3.1 cannot describe the items of a stream."""
    item = _bare(arguments[0]) if arguments else Any
    if _is(item, bytes):
        return [OCTETS]
    if item in (Any, object):
        return [ANY]
    return [TEXT] if _is_text(item) else [each.decode() for each in FORMATS]


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _bare(kind: Any) -> Any:
    while True:
        if isinstance(kind, NewType):
            kind = kind.__supertype__
        elif get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        else:
            return kind


def _is(kind: Any, base: type | tuple[type, ...]) -> bool:
    return isinstance(kind, type) and issubclass(kind, base)


def _is_text(kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return all(isinstance(each, str) and not isinstance(each, Enum) for each in get_args(kind))
    return _is(kind, str)


def _is_free(kind: Any) -> bool:
    """Return whether a type is Reply, Stream, or Starlette's Response."""
    return _is(kind, (Reply, Stream)) or (
        isinstance(kind, type)
        and any(base.__module__ == "starlette.responses" for base in kind.__mro__)
    )
