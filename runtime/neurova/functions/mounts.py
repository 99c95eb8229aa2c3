"""A whole ASGI app under a path, as a function file says it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import date
from typing import Any

import msgspec

from ..errors import LoadError
from .decorators import Description, checked, texts

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ANY = "*"
"""The method of a description whose `methods` say more."""
REST = "/{*}"
"""What a template ends in that takes a path and all below it."""


class Mount:
    """Hold what `mount` was told; `module` and `line` are where, `doc` is what the file says."""

    __slots__ = ("app", "description", "doc", "line", "module")

    def __init__(
        self, app: AsgiApp, description: Description, module: str, line: int, doc: str
    ) -> None:
        self.app = app
        self.description = description
        self.module = module
        self.line = line
        self.doc = doc


def mount(
    path: str,
    app: AsgiApp,
    *,
    scopes: Sequence[str] = (),
    public: bool = False,
    limit: str = "",
    methods: Sequence[str] = METHODS,
    timeout: float = 30.0,
    concurrency: int = 0,
    cost: int = 1,
    tags: Sequence[str] = (),
    deprecated: bool | date = False,
    sunset: date | None = None,
) -> Mount:
    """Let an ASGI app answer `path` and all below it: `legacy = mount("/legacy", app)`.

    Options as those of `get`, for every call of the app; `methods`: those that reach it. Functions
    below the path come first. Raises LoadError for an option that cannot be.
    """
    if not callable(app):
        raise LoadError(
            f"mount({path!r}): {type(app).__name__} is no ASGI app: give the app itself"
        )
    asked = (methods,) if isinstance(methods, str) else tuple(methods)
    unknown = [method for method in asked if method not in METHODS]
    if unknown or not asked:
        raise LoadError(f"methods={list(asked)!r}: give some of {', '.join(METHODS)}")
    if "{" in path:
        raise LoadError(f"mount({path!r}): a mount has no parameters: name them in the app")
    if path != "/" and path.endswith("/"):
        raise LoadError(f"mount({path!r}): leave out the slash at the end")
    wanted = set(asked) | ({"HEAD"} if "GET" in asked else set())
    description = Description(
        ANY,
        path,
        texts("scopes", scopes),
        public,
        limit,
        timeout,
        concurrency,
        cost=cost,
        tags=texts("tags", tags),
        methods=tuple(sorted(wanted)),
        deprecated=deprecated,
        sunset=sunset,
    )
    caller = sys._getframe(1)
    name = caller.f_globals.get("__name__", "")
    path = path.rstrip("/") + REST
    below = msgspec.structs.replace(checked(description), path=path)
    doc = caller.f_globals.get("__doc__") or ""
    return Mount(app, below, name, caller.f_lineno, doc)
