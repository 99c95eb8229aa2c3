"""The parameters of a function, as they are bound at every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..http.call import Call
from ..http.query import Query

Read = Callable[[Call, Query], Any]
"""Return one argument from a call and its decoded query."""


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Any = _Required()
"""The default of a parameter without one, and the return annotation of a function without one."""


class Parameter(msgspec.Struct, frozen=True):
    """State where the value of one parameter comes from.

    `kind` is "body", "path", "query", "header", "cookie" or the kind of an injectable type. `name`
    is the function's name for it, `alias` the caller's. `many`: it takes all values of a repeated
    name. `keyword`: the function takes it by name only.
    """

    name: str
    kind: str
    alias: str
    type: Any
    many: bool = False
    default: Any = REQUIRED
    keyword: bool = False


class Signature(msgspec.Struct, frozen=True):
    """State what a function takes and returns."""

    parameters: tuple[Parameter, ...]
    returns: Any
