"""The URL patterns that a CDN sends to the API instead of the page, without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from neurova.errors import ConfigError

_REST = "{*}"


class ApiRoute(msgspec.Struct, frozen=True):
    """A URL pattern that a CDN sends to the API; `*` matches any text.

    `is_cached`: the CDN may store the responses.
    """

    pattern: str
    is_cached: bool = False


def api_routes(functions: Iterable[tuple[str, bool]]) -> tuple[ApiRoute, ...]:
    """Return the patterns for path templates, in the order in which a CDN tries them.

    `functions`: each path template, and whether its responses may be stored. Templates with the
    same first segment share patterns, unless responses of one of them may be stored. Raises
    ConfigError for a template whose first segment is a parameter, because its pattern would match
    every page.
    """
    split = sorted({(tuple(path.strip("/").split("/")), cached) for path, cached in functions})
    routes: list[ApiRoute] = []
    for first, members in groupby(split, key=lambda each: each[0][0]):
        if first.startswith("{") or not first:
            raise ConfigError(
                f"a function has the path /{first}, which matches files of the page",
                where="cdn",
                fix="begin its path with a fixed segment, like /api",
            )
        group = list(members)
        has_mount = any(segments[-1] == _REST for segments, _ in group)
        if has_mount or not any(cached for _, cached in group):
            lengths = {min(len(segments), 2) for segments, _ in group}
            routes += [ApiRoute(f"/{first}")] * (has_mount or 1 in lengths)
            routes += [ApiRoute(f"/{first}/*")] * (2 in lengths)
        else:
            routes += _single_routes(group)
    return tuple(routes)


def _single_routes(group: list[tuple[tuple[str, ...], bool]]) -> Iterator[ApiRoute]:
    """Yield one pattern per template; a more specific pattern comes before a more general one."""
    cached: dict[tuple[str, ...], bool] = {}
    for segments, is_cached in group:
        glob = tuple("*" if each.startswith("{") else each for each in segments)
        cached[glob] = cached.get(glob, False) or is_cached
    # `*` also matches slashes, so try longer templates first, and fixed segments before `*`.
    for glob in sorted(cached, key=lambda each: (-len(each), [part == "*" for part in each], each)):
        yield ApiRoute("/" + "/".join(glob), cached[glob])


def refuse_overlaps(routes: Iterable[ApiRoute], urls: Iterable[str]) -> None:
    """Raise ConfigError if a pattern matches the URL path of a file."""
    paths = list(urls)
    for route in routes:
        expression = re.compile(to_expression(route.pattern))
        for path in paths:
            if expression.search(path):
                raise ConfigError(
                    f"{path} is a file of the page and matches {route.pattern} of the API",
                    where="cdn",
                    fix="rename the file or the function's path",
                )


def to_expression(pattern: str) -> str:
    """Return a pattern as a regular expression that is valid in Python and in JavaScript."""
    return f"^{'.*'.join(re.escape(part) for part in pattern.split('*'))}$"
