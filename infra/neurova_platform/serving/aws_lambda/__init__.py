"""Serve a project on AWS Lambda, by `python -m awslambdaric` with the name of `handler` below.

The attribute `handler` is created when the runtime asks for it, as importing a module changes
nothing: this composes and starts the platform, which then serves until the container ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["handler"]

handler: Callable[[dict[str, Any], Any], Any]
"""Answer one event; see `container.Container.handle`."""


def __getattr__(name: str) -> Any:
    """Create `handler`. Raises NeurovaError if the project cannot be served."""
    if name != "handler":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .container import open_container

    return open_container().handle
