"""The decorators that give functions a route, and `mount` for ASGI apps."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import date
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

import msgspec

from ..errors import LoadError
from .descriptions import MOUNT_METHODS, Http, Mount, describe

Handler = TypeVar("Handler", bound=Callable[..., Any])
AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
ATTRIBUTE = "__neurova__"
"""The attribute of decorated functions and mounts that holds the description."""

_OPTIONS = """the function itself is returned unchanged.

    `scopes`: the scopes that the caller's key needs; without them any valid key is accepted.
    `public`: no key is needed. `limit`: rate limit per consumer on this route, like "60/minute".
    `timeout`: seconds until 504. `concurrency`: maximum number of calls at once. `retries`,
    `backoff`: how often, and after how many seconds, a failing GET is retried. `cost`: units of the
    caller's rate limits per call. `status`: the default status of replies. `cache`: how long a
    reply to GET stays fresh, like "60s". `respond_async`: a call with the header `Prefer:
    respond-async` gets 202 at once, and its answer later. `deprecated`: True, or the date of
    deprecation. `sunset`: the last date of the route. `trace`: the share of calls to trace, from 0
    to 1. Raises LoadError for an invalid option.
    """


class RouteOptions(TypedDict, total=False):
    """The options of every decorator and of `mount`."""

    scopes: Sequence[str]
    public: bool
    limit: str
    timeout: float
    concurrency: int
    cost: int
    tags: Sequence[str]
    deprecated: bool | date
    sunset: date | None
    trace: float


class HttpOptions(RouteOptions, total=False):
    """The options of `get`, `post`, `put`, `patch` and `delete`."""

    retries: int
    backoff: float
    status: int
    cache: str
    respond_async: bool


def attach(description: object) -> Callable[[Handler], Handler]:
    """Return a decorator that attaches a description to a function."""

    def decorate(handler: Handler) -> Handler:
        if isinstance(handler, type):
            raise LoadError(f"{handler.__name__!r} is a class", fix="decorate a function")
        if hasattr(handler, ATTRIBUTE):
            raise LoadError(
                f"{getattr(handler, '__name__', handler)!r} has two routes",
                fix="write a second function for the second route",
            )
        setattr(handler, ATTRIBUTE, description)
        return handler

    return decorate


class HttpDecorator(Protocol):
    """The type of `get`, `post`, `put`, `patch` and `delete`."""

    def __call__(self, path: str, **options: Unpack[HttpOptions]) -> Callable[[Handler], Handler]:
        """Return a decorator that attaches a description to a function."""


def _http_decorator(method: str) -> HttpDecorator:
    def decorator(path: str, **options: Unpack[HttpOptions]) -> Callable[[Handler], Handler]:
        description = describe(Http, {**options, "method": method, "path": path})

        return attach(description)

    decorator.__name__ = decorator.__qualname__ = method.lower()
    decorator.__doc__ = f"Answer {method} at `path`; {_OPTIONS}"
    return decorator


get = _http_decorator("GET")
post = _http_decorator("POST")
put = _http_decorator("PUT")
patch = _http_decorator("PATCH")
delete = _http_decorator("DELETE")


class AppMount:
    """An ASGI app and its description.

    `__module__` and `line` are the place of the `mount` call; `doc` is the module's docstring.
    """

    def __init__(self, app: AsgiApp, description: Mount, module: str, line: int, doc: str) -> None:
        setattr(self, ATTRIBUTE, description)
        self.__module__ = module
        self.app = app
        self.description = description
        self.line = line
        self.doc = doc


def mount(
    path: str,
    app: AsgiApp,
    *,
    methods: Sequence[str] = MOUNT_METHODS,
    **options: Unpack[RouteOptions],
) -> AppMount:
    """Let an ASGI app answer `path` and all paths below it: `legacy = mount("/legacy", app)`.

    `options` are the fields of `RouteOptions` and apply to every call. Only calls with one of
    `methods` reach the app; GET includes HEAD. Functions below the path take precedence. Raises
    LoadError for an invalid option.
    """
    if not callable(app):
        raise LoadError(
            f"mount({path!r}): {type(app).__name__} is not an ASGI app", fix="pass the app itself"
        )
    head = ["HEAD"] if "GET" in methods and "HEAD" not in methods else []
    allowed = methods if isinstance(methods, str) else sorted([*methods, *head])
    description = describe(Mount, {**options, "path": path, "methods": allowed})
    caller = sys._getframe(1)
    name, doc = (caller.f_globals.get(each) or "" for each in ("__name__", "__doc__"))
    return AppMount(app, description, name, caller.f_lineno, doc)


def description_of(declared: object) -> msgspec.Struct | None:
    """Return the description of a decorated function or a mount, else None."""
    attributes = getattr(declared, "__dict__", None)
    found = None if attributes is None else attributes.get(ATTRIBUTE)
    return found if isinstance(found, msgspec.Struct) else None
