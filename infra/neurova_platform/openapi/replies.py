"""What a function sends when it succeeds, by what it says that it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NewType, NoReturn, Union, get_args, get_origin

import msgspec

from neurova.binding.parameter import REQUIRED
from neurova.http.reply import Reply
from neurova.streaming.items import FORMS
from neurova.streaming.stream import Stream

TEXT = "text/plain"
OCTETS = "application/octet-stream"
ANY = "*/*"


class Returns(msgspec.Struct, frozen=True):
    """State the forms of a reply: its media types without JSON's, the type behind JSON's, …

    `json` is REQUIRED when none is sent. `nothing`: it may be a 204. `free`: the function may
    choose any status and any body.
    """

    json: Any = REQUIRED
    media: tuple[str, ...] = ()
    nothing: bool = False
    free: bool = False


def returns(annotation: Any) -> Returns:
    """Return what an annotation says of the replies; one that is missing says nothing."""
    if annotation is REQUIRED:
        return Returns(media=(ANY,), nothing=True, free=True)
    json: list[Any] = []
    media: list[str] = []
    nothing = free = False
    for part in _parts(annotation):
        kind = _bare(part)
        if kind in (None, NoneType):
            nothing = True
        elif _chooses(kind):
            free = True
        elif kind in (NoReturn, REQUIRED):
            continue
        elif _is(get_origin(kind) or kind, (AsyncIterable, Iterator)):
            media += _streamed(get_args(kind))
        elif kind in (Any, object):
            media.append(ANY)
            nothing = True
        elif _is(kind, bytes):
            media.append(OCTETS)
        elif _is_text(kind):
            media.append(TEXT)
        else:
            json.append(part)
    together = Union[tuple(json)] if json else REQUIRED  # noqa: UP007 - built from a tuple
    return Returns(together, tuple(dict.fromkeys(media)), nothing, free)


def _streamed(arguments: tuple[Any, ...]) -> list[str]:
    """Return how a stream's items are sent; what is one item has no schema in OpenAPI 3.1."""
    item = _bare(arguments[0]) if arguments else Any
    if _is(item, bytes):
        return [OCTETS]
    if item in (Any, object):
        return [ANY]
    return [TEXT] if _is_text(item) else [form.decode() for form in FORMS]


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


def _chooses(kind: Any) -> bool:
    """Tell whether it is a Reply, a Stream, or a Response of Starlette's."""
    return _is(kind, (Reply, Stream)) or (
        isinstance(kind, type)
        and any(base.__module__ == "starlette.responses" for base in kind.__mro__)
    )
