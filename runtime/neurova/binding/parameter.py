"""The parameters of a function."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import msgspec

from ..http.call import Call
from ..http.query import Query

Read = Callable[[Call, Query], Any]
"""Reads one argument from a call and its decoded query."""


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


TRANSACTIONS = ("tx", "snapshot")
"""Kinds of parameters that use the database; a function has at most one."""

REQUIRED: Any = _Required()
"""Marks a missing default or a missing annotation."""


class Parameter(msgspec.Struct, frozen=True):
    """One parameter and the source of its value.

    `kind` is "body", "path", "query", "header", "cookie" or the kind of an injectable type. `name`
    is the parameter's name in the function, `alias` its name in requests. `many`: the parameter
    collects repeated values. `keyword`: the parameter is keyword-only.
    """

    name: str
    kind: str
    alias: str
    type: Any
    many: bool = False
    default: Any = REQUIRED
    keyword: bool = False


def is_mutable(default: Any) -> bool:
    """Return whether a default is mutable: it is unhashable, or hashed by identity."""
    try:
        return hash(default) != hash(deepcopy(default))
    except TypeError:
        return True


def default_maker(default: Any) -> Callable[[], Any]:
    """Return a function that returns the default for one call: a copy if it is mutable."""
    return partial(deepcopy, default) if is_mutable(default) else lambda: default


class Signature(msgspec.Struct, frozen=True):
    """The parameters and the return annotation of a function."""

    parameters: tuple[Parameter, ...]
    returns: Any
