"""The OpenAPI 3.1 document of a project's functions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction

from .operation import Operation, list_types
from .problems import build_components
from .schemas import AT, Schema, build_schemas

VERSION = "3.1.0"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"\{([^}]*)\}")
_DESCRIPTION = """\
Send a key either as `X-API-Key: <key>` or as `Authorization: Bearer <key>`.

Errors are problem+json (RFC 9457) and say what is wrong and how to fix it. Each GET also accepts \
HEAD. Text must not contain NUL characters. The `traceparent` (W3C) of a request is propagated; a \
problem has its trace id."""


class Api(msgspec.Struct, frozen=True):
    """The settings of a document.

    `servers`: base URLs; if empty, clients call the host that serves the document. `limit`: the
    rate limit of each consumer, shared by all operations.
    """

    title: str
    version: str
    servers: tuple[str, ...] = ()
    limit: str = ""


def document(functions: Iterable[Endpoint], api: Api) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of `functions`, as JSON values.

    The document omits mounted apps, and does not depend on the order of the functions.
    """
    ordered = sorted((each for each in functions if isinstance(each, HttpFunction)), key=_sort_key)
    shared = build_components()
    paths: dict[str, dict[str, Any]] = {}
    first_paths: dict[str, str] = {}
    by_key, named = _schemas(ordered)
    by_reference = {AT + name: each for name, each in {**named, **shared["schemas"]}.items()}
    for function in ordered:
        path, renamed = _path(function.description.path, first_paths)
        operation = Operation(
            function, by_key, by_reference, limited=bool(api.limit), renamed=renamed
        )
        paths.setdefault(path, {})[function.description.method.lower()] = operation.build()
    content = {
        "openapi": VERSION,
        "info": {"title": api.title, "version": api.version, "description": _description(api)},
        "servers": [{"url": url} for url in api.servers or ("/",)],
        "tags": [{"name": name} for name in sorted(_tags(ordered))],
        "paths": paths,
        "components": {
            **shared,
            "schemas": {**dict(sorted(named.items())), **shared["schemas"]},
            "securitySchemes": SECURITY,
        },
    }
    built: dict[str, Any] = msgspec.to_builtins(content, str_keys=True)
    return built


def _sort_key(function: HttpFunction) -> tuple[str, int, str]:
    return (function.description.path, _METHODS.index(function.description.method), function.name)


SECURITY = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key, `nrv_live_…` or `nrv_test_…`. It needs all scopes that an operation "
        "lists.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, as `Authorization: Bearer <key>`.",
    },
}


def _description(api: Api) -> str:
    if not api.limit:
        return _DESCRIPTION
    return f"{_DESCRIPTION}\n\nEach consumer has a limit of {api.limit} over all operations."


def _schemas(functions: list[HttpFunction]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """Return the schema of each type by its key, and the component schemas by name."""
    by_key: dict[Any, Schema] = {}
    named: dict[str, Schema] = {}
    for service in sorted({function.service for function in functions}):
        own = [pair for each in functions if each.service == service for pair in list_types(each)]
        service_by_key, service_named = build_schemas(service, dict(own))
        by_key |= service_by_key
        named |= service_named
    return by_key, named


def _path(path: str, first_paths: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return the path for the document, and the new names of its parameters.

    Paths that differ only in parameter names are identical (OpenAPI 3.1, 4.8.8.2), so all such
    paths get the parameter names of the first.
    """
    shown = first_paths.setdefault(_PARAMETER.sub("{}", path), path)
    pairs = zip(_PARAMETER.findall(path), _PARAMETER.findall(shown), strict=True)
    return shown, dict(pairs)


def _tags(functions: list[HttpFunction]) -> set[str]:
    return {tag for each in functions for tag in (each.service, *each.description.tags)}
