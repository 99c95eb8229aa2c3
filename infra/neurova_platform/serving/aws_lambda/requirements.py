"""Check the settings that a project needs on AWS Lambda, where containers share no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from neurova.bus.sqs.names import Names, check_queues, find_location
from neurova.database.postgres.url import PostgresUrl
from neurova.endpoints.function import HttpFunction
from neurova.errors import ConfigError
from neurova.loading.service import Service
from neurova.settings.settings import Settings

_POSTGRES = "postgresql://user@host/name"
_STORING_METHODS = ("POST", "PATCH")  # their responses are stored by Idempotency-Key


def check_settings(settings: Settings, stateful: Iterable[str]) -> None:
    """Raise ConfigError if a setting names a file; `stateful`: the services with a database."""
    _refuse([*_find_gateway_faults(settings), *_find_database_faults(settings, stateful)])


def check_services(settings: Settings, services: Iterable[Service]) -> None:
    """Raise ConfigError if the loaded services need a store that the settings do not configure."""
    loaded = list(services)
    storing = [each.name for each in loaded if _stores(each)]
    faults = [*_find_database_faults(settings, storing)]
    if any(each.publishes or each.subscriptions for each in loaded):
        if not settings.bus.url:
            faults.append(("bus.url", "set the URL of a bus: events would stay in a file"))
        if not settings.schemas.url:
            what = "set the URL of a registry: each container would number schemas by itself"
            faults.append(("schemas.url", what))
    _refuse(faults)
    location = find_location(settings.bus.url)
    if location is not None:
        queues = [each.queue for service in loaded for each in service.subscriptions]
        check_queues(Names(location.region, "", location.prefix), queues)


def _stores(service: Service) -> bool:
    if service.publishes or service.subscriptions or service.schedules:
        return True
    functions = [each for each in service.functions if isinstance(each, HttpFunction)]
    return any(each.description.method in _STORING_METHODS for each in functions)


def _find_gateway_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    gateway = settings.gateway
    if gateway.behind and not gateway.identity:
        yield "gateway.identity", "name the secret with the keys that Kong signs with"
    if not gateway.behind and not gateway.keys:
        yield "gateway.keys", f"set it to {_POSTGRES}: each container would have its own keys"
    if not gateway.behind and not gateway.limits:
        yield "gateway.limits", "set it to redis://host:6379/0: each container would count alone"
    if settings.warehouse.enabled:
        yield "warehouse.enabled", "set it to false: its rows would be lost with the container"


def _find_database_faults(settings: Settings, services: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in services:
        if not isinstance(settings.database(name), PostgresUrl):
            what = f"set it to {_POSTGRES}: each container would have a SQLite file of its own"
            yield f"services.{name}.database", what


def _refuse(faults: list[tuple[str, str]]) -> None:
    if faults:
        lines = [f"{key}: {what}" for key, what in faults]
        raise ConfigError(
            "the containers of AWS Lambda share no files:\n" + "\n".join(lines),
            where="neurova.toml and NEUROVA_… variables",
        )
