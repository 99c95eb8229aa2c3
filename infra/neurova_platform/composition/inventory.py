"""Load the functions of a project without serving them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from neurova.bus.base import Queue
from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction
from neurova.execution.context import ExecutionContext
from neurova.loading.loader import load_service
from neurova.loading.routes import check_routes
from neurova.loading.service import Service, discover
from neurova.resources import Resources
from neurova.schedules.function import ScheduledFunction
from neurova.secrets.secret import Secret
from neurova.settings.settings import Settings


def load_services(settings: Settings, resources: Resources = Resources()) -> list[Service]:  # noqa: B008 - frozen
    """Return all services of a project, without opening a database.

    Raises LoadError, which lists all faults, if a service cannot be served.
    """
    root = settings.functions
    services = [
        load_service(root, service, resources, ExecutionContext()) for service in discover(root)
    ]
    check_routes([function for service in services for function in service.functions])
    return services


def list_functions(services: Iterable[Service]) -> list[Endpoint]:
    """Return the functions of services, sorted by path and method."""
    return sorted(
        (function for service in services for function in service.functions),
        key=lambda each: (each.description.template, each.description.method_label),
    )


def load_queues(settings: Settings) -> list[Queue]:
    """Return the queues of all subscriptions of a project."""
    return [each.queue for service in load_services(settings) for each in service.subscriptions]


def load_functions(settings: Settings) -> list[Endpoint]:
    """Return all functions of a project, sorted by path and method; see `load_services`."""
    return list_functions(load_services(settings))


def report_functions(
    functions: Iterable[Endpoint], settings: Settings, execution: ExecutionContext
) -> list[HttpFunction]:
    """Return the functions that serve saved reports, none if the warehouse is disabled."""
    if not settings.warehouse.enabled:
        return []
    from ..reports import functions as reports
    from .warehouses import remote

    return reports.report_functions(functions, settings, execution, remote(settings))


def load_documented(settings: Settings) -> list[Endpoint]:
    """Return the functions in the OpenAPI document: the project's functions and its reports."""
    found = load_functions(settings)
    return [*found, *report_functions(found, settings, ExecutionContext())]


def load_secret_users(settings: Settings) -> dict[str, list[str]]:
    """Return the functions and settings that use each secret, by the secret's name."""
    users: dict[str, list[str]] = {}

    def find_secret(name: str, function: str) -> Callable[[], Secret]:
        users.setdefault(name, []).append(function)
        return Resources().secret(name, function)

    load_services(settings, Resources(secret=find_secret))
    for key, name in settings.references.items():
        users.setdefault(name, []).append(key)
    return users


def next_run(schedule: ScheduledFunction, now: float) -> str:
    """Return the next time of a schedule in ISO format, "" if there is none."""
    following = schedule.occurrences.following(now)
    return "" if following is None else schedule.time_of(following).isoformat()


def describe_access(function: Endpoint) -> str:
    """Return who may call a function: "public", "any key" or its scopes."""
    if function.description.public:
        return "public"
    return " ".join(function.description.scopes) or "any key"
