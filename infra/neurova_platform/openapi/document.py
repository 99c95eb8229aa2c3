"""The whole document: OpenAPI 3.1, of functions and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from neurova.endpoints.function import Function, HttpFunction

from .operation import Operation, types
from .problems import components
from .schemas import AT, Schema, schemas

VERSION = "3.1.0"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"\{([^}]*)\}")
_ABOUT = """\
Send a key as `X-API-Key: <key>` or as `Authorization: Bearer <key>`, one of them.

What is refused says what is wrong and how to mend it, as problem+json (RFC 9457). Each GET \
answers HEAD too. No text may hold a NUL character. A request's `traceparent` (W3C) is carried on; \
a problem names its trace."""


class Api(msgspec.Struct, frozen=True):
    """Say what a document says of itself.

    `servers`: base URLs, none: where the document is. `limit`: what binds each consumer everywhere.
    """

    title: str
    version: str
    servers: tuple[str, ...] = ()
    limit: str = ""


def document(functions: Iterable[Function], api: Api) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of some functions, made of what JSON can say.

    Equal functions give equal documents, in whatever order they come. What a mounted app answers
    is its own to describe.
    """
    ordered = sorted((each for each in functions if isinstance(each, HttpFunction)), key=_place)
    shared = components()
    paths: dict[str, dict[str, Any]] = {}
    shapes: dict[str, str] = {}
    found, named = _types(ordered)
    by_reference = {AT + name: each for name, each in {**named, **shared["schemas"]}.items()}
    for function in ordered:
        path, renamed = _path(function.description.path, shapes)
        operation = Operation(
            function, found, by_reference, limited=bool(api.limit), renamed=renamed
        )
        paths.setdefault(path, {})[function.description.method.lower()] = operation.build()
    made = {
        "openapi": VERSION,
        "info": {"title": api.title, "version": api.version, "description": _about(api)},
        "servers": [{"url": url} for url in api.servers or ("/",)],
        "tags": [{"name": name} for name in sorted(_tags(ordered))],
        "paths": paths,
        "components": {
            **shared,
            "schemas": {**dict(sorted(named.items())), **shared["schemas"]},
            "securitySchemes": SECURITY,
        },
    }
    built: dict[str, Any] = msgspec.to_builtins(made, str_keys=True)
    return built


def _place(function: HttpFunction) -> tuple[str, int, str]:
    """Return where a function stands: by path, then in the order in which people write methods."""
    return (function.description.path, _METHODS.index(function.description.method), function.name)


SECURITY = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key, `nrv_live_…` or `nrv_test_…`. What an operation names are the "
        "scopes that the key must hold, all of them.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, as `Authorization: Bearer <key>`.",
    },
}


def _about(api: Api) -> str:
    if not api.limit:
        return _ABOUT
    return f"{_ABOUT}\n\nA consumer has {api.limit} over all operations together."


def _types(functions: list[HttpFunction]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return the schemas of all types by their key, and the named ones by their name."""
    found: dict[Any, Schema] = {}
    named: dict[str, Schema] = {}
    for service in sorted({function.service for function in functions}):
        own = [pair for each in functions if each.service == service for pair in types(each)]
        of_key, of_name = schemas(service, dict(own))
        found |= of_key
        named |= of_name
    return found, named


def _path(path: str, shapes: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return a path as it stands in the document, and its parameters that are renamed there.

    Two paths that differ only by their parameters' names are one (OpenAPI 3.1, 4.8.8.2).
    """
    shown = shapes.setdefault(_PARAMETER.sub("{}", path), path)
    pairs = zip(_PARAMETER.findall(path), _PARAMETER.findall(shown), strict=True)
    return shown, dict(pairs)


def _tags(functions: list[HttpFunction]) -> set[str]:
    return {tag for each in functions for tag in (each.service, *each.description.tags)}
