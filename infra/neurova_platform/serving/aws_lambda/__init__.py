"""Serve a project on AWS Lambda: pass the name of `handler` to `python -m awslambdaric`.

An import must have no side effects, so the platform is created and started only when the runtime
reads the attribute `handler`. It then serves until the container ends.
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
