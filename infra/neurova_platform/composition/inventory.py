"""Load the functions of a project without serving them."""

from __future__ import annotations

from neurova.bus.base import Queue
from neurova.endpoints.endpoint import Endpoint
from neurova.execution.context import ExecutionContext
from neurova.loading.loader import load_service
from neurova.loading.routes import check_routes
from neurova.loading.service import discover
from neurova.resources import Resources
from neurova.settings.settings import Settings


def load_functions(settings: Settings) -> list[Endpoint]:
    """Return all functions of a project, sorted by path and method; opens no database.

    Raises LoadError, which lists all faults, for a service that cannot be served.
    """
    root = settings.functions
    loaded = [
        function
        for service in discover(root)
        for function in load_service(root, service, Resources(), ExecutionContext()).functions
    ]
    check_routes(loaded)
    return sorted(
        loaded, key=lambda each: (each.description.template, each.description.method_label)
    )


def load_queues(settings: Settings) -> list[Queue]:
    """Return the queues of all subscriptions of a project."""
    root = settings.functions
    return [
        subscription.queue
        for service in discover(root)
        for subscription in load_service(
            root, service, Resources(), ExecutionContext()
        ).subscriptions
    ]


def describe_access(function: Endpoint) -> str:
    """Return who may call a function: "public", "any key" or its scopes."""
    if function.description.public:
        return "public"
    return " ".join(function.description.scopes) or "any key"
