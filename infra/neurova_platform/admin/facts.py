"""What the Admin API tells of functions."""

from __future__ import annotations

from collections.abc import Sequence

from neurova.endpoints.function import Function
from neurova.settings.settings import Settings
from neurova_gateway.admin import sources

from ..composition.inventory import access
from ..doctor.explanation import inputs, plugins, values


def facts(functions: Sequence[Function], settings: Settings) -> list[sources.Function]:
    """Return what is known of functions, by name. Raises ConfigError for plugins that cannot be."""
    # All have the same plugins, each with a configuration of its own.
    steps = plugins(functions[0], settings) if functions else ()
    return [
        sources.Function(
            name=function.name,
            method=function.description.method,
            path=function.description.path,
            file=f"{function.file}:{function.line}",
            says=(function.doc or "").strip().partition("\n")[0],
            access=access(function),
            public=function.description.public,
            scopes=tuple(function.description.scopes),
            limit=function.description.limit,
            tags=tuple(function.description.tags),
            inputs=inputs(function),
            plugins=steps,
            values=tuple(values(function, settings)),
        )
        for function in sorted(functions, key=lambda each: each.name)
    ]
