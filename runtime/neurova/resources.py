"""What a service's functions may ask the platform for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from .errors import StateError

if TYPE_CHECKING:
    from .database.base import Database


def _no_database() -> NoReturn:
    raise StateError("These functions are only inspected, no database is open")


@dataclass(frozen=True, slots=True)
class Resources:
    """Hold what one service's functions use, each opened when it is first called for.

    Composition makes one for each service. Without arguments, functions can be loaded and
    inspected but not served. A new resource is a field here and, if functions ask for it by a
    parameter, a row of `INJECTABLES` in binding/injection.py.
    """

    database: Callable[[], Database] = _no_database
