"""Find settings that prevent a deployment: unshared files, and settings without an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from neurova.endpoints.function import HttpFunction
from neurova.loading.service import Service
from neurova.mail.base import Mail
from neurova.models.model import Model
from neurova.resources import Resources
from neurova.secrets.secret import Secret
from neurova.settings.deploy import Deploy
from neurova.settings.settings import Settings

from ..composition import state


class Uses(NamedTuple):
    """The secrets and models that functions use: maps each name to a function that uses it."""

    secrets: dict[str, str]
    models: dict[str, str]

    def find_secret(self, name: str, function: str) -> Callable[[], Secret]:
        """Record that a function uses a secret; see `Resources`."""
        self.secrets.setdefault(name, function)
        return Resources().secret(name, function)

    def find_model(self, name: str, function: str) -> Callable[[], Model]:
        """Record that a function uses a model; see `Resources`."""
        self.models.setdefault(name, function)
        return Resources().model(name, function)


def find_faults(
    settings: Settings, deploy: Deploy, services: Sequence[Service], uses: Uses
) -> Iterator[str]:
    """Yield each setting that names a local file but several machines need, or has no effect."""
    given = {each.partition("=")[0] for each in (*deploy.secret_variables, *deploy.variables)}

    def is_set(key: str) -> bool:
        variable = f"NEUROVA_{key.upper().replace('.', '_')}"
        return variable in given or key in settings.references

    # Kong's plugins read these two URLs from Kong's configuration, which contains no passwords.
    if not settings.gateway.keys:
        yield "gateway.keys is a file: set a PostgreSQL URL without a password, and PGPASSWORD"
    if not settings.gateway.limits:
        yield "gateway.limits is a file: set the URL of Redis"
    for key, needed, fix in _list_stores(settings, deploy, services, uses):
        section, _, name = key.partition(".")
        if needed and not getattr(getattr(settings, section), name) and not is_set(key):
            yield f"{key} is a file, and {needed[0]} needs it on several machines: set {fix}"
    for service in services:
        key = f"services.{service.name}.database"
        is_file = isinstance(settings.database(service.name), Path)
        if is_file and state.has_state(settings, service.name) and not is_set(key):
            yield f"{key} is a file: set a PostgreSQL URL"
        if deploy.has_images_of_services and answers_later(service):
            yield f"{service.name} answers later, which needs one image: remove {{service}}"
    yield from _find_ineffective(settings, deploy)


def _find_ineffective(settings: Settings, deploy: Deploy) -> Iterator[str]:
    """Yield each setting that has no effect on the target."""
    if settings.warehouse.enabled:
        yield "warehouse.enabled: its writer is not deployed, set NEUROVA_WAREHOUSE_ENABLED=false"
    if settings.gateway.identity:
        yield "gateway.identity: the target creates the key, set NEUROVA_GATEWAY_IDENTITY="
    if settings.gateway.tls_cert:
        yield "gateway.tls_cert: Kong calls runtimes by plain HTTP, set NEUROVA_GATEWAY_TLS_CERT="
    if deploy.subscriptions_max and _uses_sqs(settings, deploy):
        yield "subscriptions_max is set: KEDA scales by queues of RabbitMQ only, set it to 0"


def _uses_sqs(settings: Settings, deploy: Deploy) -> bool:
    urls = [each.removeprefix("NEUROVA_BUS_URL=") for each in deploy.variables]
    return any(each.startswith("sqs:") for each in (settings.bus.url, *urls))


def answers_later(service: Service) -> bool:
    """Return whether a service has a function with `respond_async`."""
    return any(
        isinstance(each, HttpFunction) and each.description.respond_async
        for each in service.functions
    )


def _list_stores(
    settings: Settings, deploy: Deploy, services: Sequence[Service], uses: Uses
) -> Iterator[tuple[str, list[str], str]]:
    """Yield, for each store that the target lacks, its setting, its users and the value to set."""
    if deploy.target == "compose":  # Compose runs all stores, on one machine
        return
    events = [each.name for each in services if each.subscriptions or each.publishes]
    yield "bus.url", events, "the URL of RabbitMQ or SQS"
    yield "schemas.url", events, "the URL of a registry"
    yield "secrets.url", [*uses.secrets, *settings.references.values()], "the address of Vault"
    yield "models.url", [*uses.models], "the address of MLflow"
    yield "mail.url", [each.name for each in services if _sends_mail(each)], "an SMTP server"


def _sends_mail(service: Service) -> bool:
    functions = (*service.functions, *service.subscriptions, *service.schedules)
    for each in functions:
        types = getattr(getattr(each, "handler", None), "__annotations__", {}).values()
        if Mail in types or "Mail" in types:
            return True
    return False
