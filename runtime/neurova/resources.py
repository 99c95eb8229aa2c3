"""The resources that the platform provides to a service's functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from .errors import StateError
from .telemetry.log import STANDARD_LOGGING, LogSink

if TYPE_CHECKING:
    import httpx

    from .database.base import Database
    from .mail.base import Mail
    from .models.model import Model
    from .secrets.secret import Secret


def _no_database() -> NoReturn:
    raise StateError("No database is open: these functions were loaded only to inspect them")


def _no_mail(reference: str) -> NoReturn:
    raise StateError("No mail can be sent: these functions were loaded only to inspect them")


def _no_secret(name: str, function: str) -> Callable[[], Secret]:
    def find() -> NoReturn:
        raise StateError("No secret is read: these functions were loaded only to inspect them")

    return find


def _no_model(reference: str, function: str) -> Callable[[], Model]:
    def find() -> NoReturn:
        raise StateError("No model is used: these functions were loaded only to inspect them")

    return find


def _no_client() -> NoReturn:
    raise StateError("No request can be sent: these functions were loaded only to inspect them")


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of one service, each opened on first use.

    `Resources()` suffices to load and inspect functions but not to serve them. To add a resource,
    add a field here and, if functions take it as a parameter, a row to `INJECTABLES` in
    binding/injection.py. `secret` takes the names of a secret and of the function that uses it, and
    returns a function that returns the secret's current value. `model` takes a model reference
    instead and returns a function that returns the model.
    """

    database: Callable[[], Database] = _no_database
    mail: Callable[[str], Mail] = _no_mail
    secret: Callable[[str, str], Callable[[], Secret]] = _no_secret
    log: LogSink = STANDARD_LOGGING
    model: Callable[[str, str], Callable[[], Model]] = _no_model
    http_client: Callable[[], httpx.AsyncClient] = _no_client
