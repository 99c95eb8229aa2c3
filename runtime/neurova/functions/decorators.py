"""The decorators that make a function an endpoint, and the description they attach."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from types import NoneType
from typing import Any, TypeVar

import msgspec

from ..errors import LoadError
from ..http.caching import seconds
from ..http.reply import RESET
from . import rate_limits as windows

Handler = TypeVar("Handler", bound=Callable[..., Any])

_SEGMENT = re.compile(r"\{[a-z_][a-z0-9_]*\}|[A-Za-z0-9._~!$&'()*+,=:@-]+")
ATTRIBUTE = "__neurova__"
HEALTH = "/.well-known/neurova/health"
"""Where the platform answers by itself, before any function."""

SCOPE = re.compile(r"[a-z0-9_.-]+(:[a-z0-9_.-]+)*")
"""How a scope is written, in a function and in a key; one never stands for others."""


class Description(msgspec.Struct, frozen=True):
    """State how a function is reached and guarded; made by a decorator, never changed.

    `timeout` and `backoff` are seconds; `concurrency` 0 means the platform's own bound; `limit` ""
    means only what holds for consumer and key; `status` is a reply's when the function does not
    say another. `cache` is how long a reply to GET stays fresh, "" for nothing said. `deprecated`
    is since when, `sunset` until when it is answered. `methods` are a mount's, whose `method` is
    "*" and whose path ends in "/{*}".
    """

    method: str
    path: str
    scopes: tuple[str, ...] = ()
    public: bool = False
    limit: str = ""
    timeout: float = 30.0
    concurrency: int = 0
    retries: int = 0
    backoff: float = 1.0
    cost: int = 1
    tags: tuple[str, ...] = ()
    status: int = 200
    methods: tuple[str, ...] = ()
    cache: str = ""
    deprecated: bool | date = False
    sunset: date | None = None

    @property
    def answered(self) -> tuple[str, ...]:
        """Return the methods that are answered: what answers GET answers HEAD too."""
        if self.methods:
            return self.methods
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


def _check_path(path: str) -> None:
    """Raise LoadError for a path that cannot be."""
    segments = path.split("/")[1:]
    names = [segment[1:-1] for segment in segments if segment.startswith("{")]
    if not path.startswith("/") or len(path) > 512:
        raise LoadError(f'path {path!r}: start it with "/" and keep it under 512 characters')
    if path != "/" and not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise LoadError(f'path {path!r}: write segments as "name" or "{{name}}", none empty')
    if any(segment in (".", "..") for segment in segments) or len(set(names)) != len(names):
        raise LoadError(f'path {path!r}: no "." or ".." segments, and each {{name}} once')
    if path == HEALTH:
        raise LoadError(f"path {path!r}: the platform answers there itself: choose another path")


_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "path": (str, 'a text like "/rooms/{room}"'),
    "public": (bool, "True or False"),
    "limit": (str, 'a text like "60/minute"'),
    "timeout": ((int, float), "seconds"),
    "concurrency": (int, "a whole number"),
    "retries": (int, "a whole number"),
    "backoff": ((int, float), "seconds"),
    "cost": (int, "a whole number"),
    "status": (int, "a whole number"),
    "cache": (str, 'a text like "60s"'),
}


def _check_kinds(description: Description) -> None:
    """Raise LoadError for an option of another type: `public="no"` would open the route."""
    for name, (kind, wanted) in _KINDS.items():
        value = getattr(description, name)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            if name == "path" and callable(value):
                raise LoadError('the decorator has no path: write one, like @get("/rooms")')
            raise LoadError(f"{name}={value!r}: give {wanted}")


def texts(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the values of an option that is a list of texts. Raises LoadError for another."""
    if isinstance(values, str):
        raise LoadError(f"{name}={values!r} is one string: write {name}=[{values!r}]")
    found: list[Any] = list(values) if isinstance(values, Iterable) else [values]
    if not all(isinstance(value, str) for value in found):
        raise LoadError(f"{name}={values!r}: give a list of texts")
    return tuple(found)


def checked(description: Description) -> Description:
    """Return the description. Raises LoadError for an option that cannot be."""
    _check_kinds(description)
    _check_path(description.path)
    for scope in description.scopes:
        if not SCOPE.fullmatch(scope):
            raise LoadError(f'scope {scope!r}: write it in lower case, like "booking:write"')
    if description.public and description.scopes:
        raise LoadError("public=True and scopes exclude each other: drop one of them")
    if not description.timeout > 0 or description.timeout > 3600:
        raise LoadError(f"timeout {description.timeout!r}: give seconds, above 0 and up to 3600")
    if description.concurrency < 0 or description.retries < 0 or description.backoff < 0:
        raise LoadError("concurrency, retries and backoff cannot be negative")
    if description.cost < 1:
        raise LoadError(f"cost {description.cost!r}: give 1 or more")
    _check_answer(description)
    if description.limit:
        try:
            least = min(window.limit for window in windows.parse(description.limit))
        except ValueError as error:
            raise LoadError(f"limit: {error}") from None
        if description.cost > least:
            raise LoadError(
                f"cost={description.cost} is more than limit={description.limit!r} ever admits: "
                "raise the limit or lower the cost"
            )
    return description


def _check_answer(description: Description) -> None:
    if description.retries and description.method != "GET":
        raise LoadError(
            f"retries={description.retries}: only a GET may run twice, so leave them out of "
            f"{description.method}"
        )
    if description.cache:
        if description.method != "GET":
            raise LoadError(f"cache={description.cache!r}: only what answers GET can be kept")
        try:
            seconds(description.cache)
        except ValueError as error:
            raise LoadError(f"cache: {error}") from None
    for name in ("deprecated", "sunset"):
        value = getattr(description, name)
        if (
            not isinstance(value, bool if name == "deprecated" else NoneType)
            and type(value) is not date
        ):
            raise LoadError(f"{name}={value!r}: give a datetime.date")
    if description.status == RESET:
        raise LoadError("status 205 has no body: return Reply(205), or give 200 to 299")
    if not 200 <= description.status <= 299:
        raise LoadError(f"status {description.status!r}: give 200 to 299; raise Reject for others")
    since, until = description.deprecated, description.sunset
    if isinstance(since, date) and until is not None and until < since:
        # RFC 9745, 4: what is no longer answered cannot be deprecated later.
        raise LoadError(f"sunset={until} is before deprecated={since}: turn the dates round")


_OPTIONS = """the function itself is returned unchanged.

    `scopes`: what the caller's key must hold, all of them. `public`: no key is asked for; without
    `scopes` and `public` any valid key will do. `limit`: windows a consumer has on this route.
    `timeout`: seconds until 504. `concurrency`: calls that may run at once. `retries`, `backoff`:
    how often, and after how many seconds, a failing GET is tried again. `cost`: what one call
    takes from the caller's limits. `status`: of a reply with a body that does not say its
    own. `cache`: how long a reply to GET stays fresh, like "60s". `deprecated`: True, or the date
    since when; `sunset`: the date until when it is answered. Raises LoadError for an option that
    cannot be.
    """


def _route(method: str) -> Callable[..., Callable[[Handler], Handler]]:
    def decorator(
        path: str,
        *,
        scopes: Sequence[str] = (),
        public: bool = False,
        limit: str = "",
        timeout: float = 30.0,
        concurrency: int = 0,
        retries: int = 0,
        backoff: float = 1.0,
        cost: int = 1,
        tags: Sequence[str] = (),
        status: int = 200,
        cache: str = "",
        deprecated: bool | date = False,
        sunset: date | None = None,
    ) -> Callable[[Handler], Handler]:
        description = Description(
            method,
            path,
            texts("scopes", scopes),
            public,
            limit,
            timeout,
            concurrency,
            retries,
            backoff,
            cost,
            texts("tags", tags),
            status,
            cache=cache,
            deprecated=deprecated,
            sunset=sunset,
        )
        return _attach(checked(description))

    decorator.__name__ = decorator.__qualname__ = method.lower()
    decorator.__doc__ = f"Answer {method} at `path`; {_OPTIONS}"
    return decorator


def _attach(description: Description) -> Callable[[Handler], Handler]:
    def attach(handler: Handler) -> Handler:
        if hasattr(handler, ATTRIBUTE):
            raise LoadError(
                f"{getattr(handler, '__name__', handler)!r} has a route already: "
                "one function answers one route, so write a second function"
            )
        setattr(handler, ATTRIBUTE, description)
        return handler

    return attach


get = _route("GET")
post = _route("POST")
put = _route("PUT")
patch = _route("PATCH")
delete = _route("DELETE")


def described(handler: object) -> Description | None:
    """Return the description that a decorator attached to `handler`, if one did."""
    found = getattr(handler, ATTRIBUTE, None)
    return found if isinstance(found, Description) else None
