"""Descriptions of routes: the options of a decorator or a mount, validated and frozen."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec

from ..errors import LoadError
from ..http.caching import parse_duration
from ..http.reply import RESET_CONTENT
from .rate_limits import parse_limit

HEALTH_PATH = "/.well-known/neurova/health"
"""The platform answers this path itself."""
SCOPE = re.compile(r"[a-z0-9_.-]+(:[a-z0-9_.-]+)*")
"""The syntax of scopes, in functions and keys. A scope never implies another."""
MOUNT_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

Description = TypeVar("Description", bound=msgspec.Struct)
_SEGMENT = re.compile(r"\{[a-z_][a-z0-9_]*\}|[A-Za-z0-9._~!$&'()*+,=:@-]+")
_LONGEST_PATH = 512
_LONGEST_TIMEOUT = 3600
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_EXAMPLES = {
    "path": 'write a path, like @get("/rooms")',
    "scopes": 'write a list, like ["booking:read"]',
    "tags": 'write a list, like ["rooms"]',
    "methods": 'write a list, like ["GET", "POST"]',
    "limit": 'write a string, like "60/minute"',
    "cache": 'write a string, like "60s"',
    "timeout": "write seconds",
    "backoff": "write seconds",
    "deprecated": "write a datetime.date",
    "sunset": "write a datetime.date",
}


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The path, access rules and limits of a route. Raises LoadError for an invalid option.

    `timeout` is in seconds. `concurrency` 0 means the platform's default. With `limit` "" only the
    limits of consumer and key apply. `deprecated` is the date of deprecation, `sunset` the last
    date of the route. `trace` is the share of calls to trace, None for the default share.
    """

    path: str
    scopes: tuple[str, ...] = ()
    public: bool = False
    limit: str = ""
    timeout: float = 30.0
    concurrency: int = 0
    cost: int = 1
    tags: tuple[str, ...] = ()
    deprecated: bool | date = False
    sunset: date | None = None
    trace: float | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        check_access(self)
        check_bounds(self)
        check_dates(self)

    @property
    def template(self) -> str:
        """Return the path for the route table."""
        return self.path

    @property
    def method_label(self) -> str:
        """Return the method for lists of routes."""
        raise NotImplementedError


class Http(Route, frozen=True, kw_only=True):
    """The description of a function that answers one method of a path.

    `status` is the default status of replies. `backoff` is in seconds. `cache` is how long a reply
    to GET stays fresh, "" for no Cache-Control field. With `respond_async`, a caller may ask for a
    later reply by `Prefer: respond-async`.
    """

    method: str
    status: int = 200
    retries: int = 0
    backoff: float = 1.0
    cache: str = ""
    respond_async: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_reply(self)

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the methods of the route: GET includes HEAD."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)

    @property
    def method_label(self) -> str:
        """Return the method for lists of routes."""
        return self.method


class Mount(Route, frozen=True, kw_only=True):
    """The description of an ASGI app that answers a path and all paths below it."""

    methods: tuple[str, ...] = MOUNT_METHODS

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{" in self.path:
            raise LoadError(
                f"path {self.path!r}: a mount cannot have parameters", fix="declare them in the app"
            )
        unknown = [method for method in self.methods if method not in MOUNT_METHODS]
        if unknown or not self.methods:
            fix = f"choose from {', '.join(MOUNT_METHODS)}"
            raise LoadError(f"methods={list(self.methods)!r} is not valid", fix=fix)

    @property
    def template(self) -> str:
        """Return the path for the route table; `{*}` matches all paths below."""
        return self.path.rstrip("/") + "/{*}"

    @property
    def method_label(self) -> str:
        """Return the method for lists of routes."""
        return "*"


def check_path(path: str) -> None:
    """Raise LoadError for an invalid path."""
    segments = path.split("/")[1:]
    names = [segment[1:-1] for segment in segments if segment.startswith("{")]

    def fault(what: str, fix: str) -> LoadError:
        return LoadError(f"path {path!r} {what}", fix=fix)

    if not path.startswith("/"):
        raise fault("is not absolute", 'start it with "/"')
    if len(path) > _LONGEST_PATH:
        raise fault("is too long", f"use at most {_LONGEST_PATH} characters")
    if path != "/" and path.endswith("/"):
        raise fault("ends with a slash", "remove the slash")
    if path != "/" and not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise fault("has a segment that is not valid", 'write "name" or "{name}" between slashes')
    if any(segment in (".", "..") for segment in segments):
        raise fault('has a "." or ".." segment', "write the path that it resolves to")
    if len(set(names)) != len(names):
        raise fault("has a parameter twice", "rename one of them")
    if path == HEALTH_PATH:
        raise fault("is answered by the platform itself", "choose another path")


def check_access(route: Route) -> None:
    """Raise LoadError for invalid scopes, or scopes together with `public`."""
    for scope in route.scopes:
        if not SCOPE.fullmatch(scope):
            fix = 'use lower case, like "booking:write"'
            raise LoadError(f"scope {scope!r} is not valid", fix=fix)
    if route.public and route.scopes:
        raise LoadError("public=True and scopes exclude each other", fix="remove one of them")


def check_bounds(route: Route) -> None:
    """Raise LoadError for a number out of range, or a limit below the cost of one call."""
    if not 0 < route.timeout <= _LONGEST_TIMEOUT:
        fix = f"write seconds, above 0 and at most {_LONGEST_TIMEOUT}"
        raise LoadError(f"timeout={route.timeout!r} is out of range", fix=fix)
    if route.concurrency < 0:
        raise LoadError(f"concurrency={route.concurrency} is negative", fix="write 0 or more")
    if route.cost < 1:
        raise LoadError(f"cost={route.cost} is out of range", fix="write 1 or more")
    if route.trace is not None and not 0 <= route.trace <= 1:
        raise LoadError(f"trace={route.trace!r} is out of range", fix="write a share from 0 to 1")
    if not route.limit:
        return
    try:
        smallest = min(window.limit for window in parse_limit(route.limit))
    except ValueError as error:
        raise LoadError(f"limit: {error}") from None
    if route.cost > smallest:
        raise LoadError(
            f"cost={route.cost} is more than limit={route.limit!r} allows",
            fix="raise the limit or lower the cost",
        )


def check_dates(route: Route) -> None:
    """Raise LoadError for a sunset before the deprecation (RFC 9745, 4)."""
    since, until = route.deprecated, route.sunset
    if isinstance(since, date) and until is not None and until < since:
        raise LoadError(
            f"sunset={until} is before deprecated={since}", fix="exchange the two dates"
        )


def check_reply(http: Http) -> None:
    """Raise LoadError for retries, caching or a status that the method does not allow."""
    if http.retries < 0 or http.backoff < 0:
        raise LoadError("retries or backoff is negative", fix="write 0 or more")
    if http.retries and http.method != "GET":
        raise LoadError(
            f"retries={http.retries}: only GET can be retried",
            fix=f"remove retries from this {http.method}",
        )
    if http.cache and http.method != "GET":
        raise LoadError(
            f"cache={http.cache!r}: only replies to GET can be cached",
            fix=f"remove cache from this {http.method}",
        )
    if http.cache:
        try:
            parse_duration(http.cache)
        except ValueError as error:
            raise LoadError(f"cache: {error}") from None
    if http.respond_async and (http.method == "GET" or http.public):
        raise LoadError(
            "respond_async=True: only calls with a key that change something can be answered later",
            fix="remove respond_async" if http.method == "GET" else "remove public",
        )
    if http.status == RESET_CONTENT:
        raise LoadError("status=205 has no body", fix="return Reply(205), or write 200 to 299")
    if not 200 <= http.status <= 299:
        raise LoadError(
            f"status={http.status} is not a success status",
            fix="write 200 to 299, and raise Reject for errors",
        )


def describe(kind: type[Description], options: Mapping[str, Any]) -> Description:
    """Validate options and return the description. Raises LoadError for an invalid option."""
    try:
        return msgspec.convert(options, kind, builtin_types=(date, datetime))
    except msgspec.ValidationError as error:
        raise _option_error(kind, str(error)) from None


def _option_error(kind: type[msgspec.Struct], text: str) -> LoadError:
    """Convert msgspec's message about an option to a LoadError."""
    unknown = _UNKNOWN.fullmatch(text)
    if unknown is not None:
        names = difflib.get_close_matches(unknown[1], kind.__struct_fields__, 1, 0.5)
        fix = f"did you mean {names[0]!r}?" if names else "remove it"
        return LoadError(f"there is no option {unknown[1]!r}", fix=fix)
    what, _, place = text.partition(" - at `$.")
    name = re.split(r"\W", place)[0]
    return LoadError(f"{name}: {what[0].lower()}{what[1:]}", fix=_EXAMPLES.get(name, ""))
