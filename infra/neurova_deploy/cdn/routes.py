"""The URL patterns of an API beside a page, without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

import msgspec

from neurova.errors import ConfigError

_REST = "{*}"


class ApiRoute(msgspec.Struct, frozen=True):
    """A URL pattern that goes to the API; `*` is any text. `is_cached`: a CDN may store replies."""

    pattern: str
    is_cached: bool = False


def api_routes(functions: Iterable[tuple[str, bool]]) -> tuple[ApiRoute, ...]:
    """Return the patterns of path templates, in the order in which they are tried.

    Each template comes with whether its replies may be stored. Templates with the same first
    segment share patterns, unless one of them is stored. Raises ConfigError for a template whose
    first segment is a parameter, because its pattern would match every page.
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
    """Yield one pattern for each template, before any other pattern that also matches its paths."""
    cached: dict[tuple[str, ...], bool] = {}
    for segments, is_cached in group:
        glob = tuple("*" if each.startswith("{") else each for each in segments)
        cached[glob] = cached.get(glob, False) or is_cached
    # `*` matches slashes, too, so longer templates come first; a fixed segment wins.
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
    """Return a pattern as a regular expression, which Python and JavaScript read alike."""
    return f"^{'.*'.join(re.escape(part) for part in pattern.split('*'))}$"
