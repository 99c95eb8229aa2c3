"""Describe the functions for the Admin API, and store the descriptions in a snapshot file.

The admin process of `neurova run` imports no code of the project: a worker writes the snapshot,
and the admin process reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from neurova.endpoints.endpoint import Endpoint
from neurova.errors import StateError, Unavailable
from neurova.files.private import write_private_file
from neurova.settings.settings import Settings
from neurova_gateway.admin.context import Function

from ..composition.explanation import list_inputs, list_limits, list_plugins
from ..composition.inventory import describe_access

FILE = "functions.json"


def describe_functions(functions: Sequence[Endpoint], settings: Settings) -> list[Function]:
    """Return the descriptions, ordered by name. Raises ConfigError for invalid plugins."""
    # All functions have the same plugins, only configured differently, so one list serves all.
    steps = list_plugins(functions[0], settings) if functions else ()
    return [
        Function(
            name=function.name,
            method=function.description.method_label,
            path=function.description.template,
            file=f"{function.file}:{function.line}",
            summary=(function.doc or "").strip().partition("\n")[0],
            access=describe_access(function),
            public=function.description.public,
            scopes=tuple(function.description.scopes),
            limit=function.description.limit,
            tags=tuple(function.description.tags),
            inputs=list_inputs(function),
            plugins=steps,
            values=tuple(list_limits(function, settings)),
        )
        for function in sorted(functions, key=lambda each: each.name)
    ]


def write(functions: Sequence[Endpoint], settings: Settings) -> None:
    """Write the snapshot of `functions`. Raises StateError if writing fails."""
    text = msgspec.json.encode(describe_functions(functions, settings)).decode()
    write_private_file(settings.state / FILE, text)


def clear(state: Path) -> None:
    """Delete the snapshot of an earlier platform."""
    (state / FILE).unlink(missing_ok=True)


def read(state: Path) -> Sequence[Function]:
    """Return the latest snapshot.

    Raises Unavailable if no snapshot exists, StateError if it is damaged.
    """
    path = state / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Function])
    except FileNotFoundError:
        raise Unavailable(
            "no worker has reported its functions yet", fix="retry in a moment"
        ) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(
            f"the file cannot be read: {error}", where=str(path), fix="restart the workers"
        ) from None
