"""Check the stores and servers that a project uses, one for each port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from neurova.errors import NeurovaError
from neurova.settings.deploy import LOCAL
from neurova.settings.gateway import is_loopback
from neurova.settings.settings import Settings

from ..composition import backends
from .finding import Finding, failed

if TYPE_CHECKING:
    from neurova_deploy.cdn.base import Cdn
    from neurova_deploy.targets.base import Target


def check_keys(settings: Settings) -> Iterator[Finding]:
    """Check that the key store can be read."""
    yield Finding("keys", "ok", backends.check_key_store(settings))


def check_limits(settings: Settings) -> Iterator[Finding]:
    """Check that the rate limiter can be used."""
    yield Finding("limits", "ok", backends.check_limiter(settings))


def check_mail(settings: Settings) -> Iterator[Finding]:
    """Check that mails can be sent."""
    yield Finding("mail", "ok", backends.check_mailer(settings))


def check_logs(settings: Settings) -> Iterator[Finding]:
    """Check that log lines can be sent to the configured store."""
    yield Finding("logs", "ok", backends.check_log_store(settings))


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Check the secret store, and that every secret used by a function or setting is set."""
    from neurova.secrets.base import parse_reference, read_value

    from ..composition import inventory

    url = urlsplit(settings.secrets.url)
    what = backends.check_secret_store(settings)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        fix = "serve Vault with TLS, and write https:// in secrets.url"
        yield Finding("secrets", "warn", f"{what}; tokens and secrets are sent unencrypted", fix)
    else:
        yield Finding("secrets", "ok", what)
    users = inventory.load_secret_users(settings)
    store = backends.open_secret_store(settings) if users else None
    for name, using in users.items():
        assert store is not None
        try:
            read_value(store, parse_reference(name))
            yield Finding(f"secret {name}", "ok", f"is set, for {', '.join(using)}")
        except NeurovaError as error:
            yield failed(f"secret {name}", error)
    if store is not None:
        store.close()


def check_schemas(settings: Settings) -> Iterator[Finding]:
    """Check that the schema registry can be used."""
    yield Finding("schemas", "ok", backends.check_registry(settings))


def check_models(settings: Settings) -> Iterator[Finding]:
    """Check that the model registry can be read."""
    yield Finding("models", "ok", backends.check_models(settings))


def check_bus(settings: Settings) -> Iterator[Finding]:
    """Check the bus; on RabbitMQ, count the file handles of its queues; on SQS, find its queues."""
    from ..composition import inventory

    what = backends.check_bus(settings)
    if settings.bus.url.startswith("sqs:"):
        from ..composition.buses import find_missing_queues

        missing = find_missing_queues(settings.bus.url, inventory.load_queues(settings))
        if missing:
            what += f"; these queues are missing: {', '.join(missing)}"
            yield Finding("bus", "warn", what, "run `neurova bus apply`, or deploy")
            return
    elif settings.bus.url:
        from neurova.bus.rabbitmq.topology import shared_topology, topology_of

        topology = shared_topology() + topology_of(inventory.load_queues(settings))
        what += (
            f"; {len(topology.queues)} queues need {topology.handles} of its file handles "
            "(`rabbitmqctl status` shows how many it has)"
        )
    yield Finding("bus", "ok", what)


def check_warehouse(settings: Settings) -> Iterator[Finding]:
    """Check that the warehouse can be used, if it is enabled."""
    if not settings.warehouse.enabled:
        yield Finding("warehouse", "ok", "off: `enabled = true` below [warehouse] starts it")
        return
    yield Finding("warehouse", "ok", backends.check_warehouse(settings))


def check_traces(settings: Settings) -> Iterator[Finding]:
    """Check that spans can be stored or sent."""
    enabled = settings.traces.enabled
    what = backends.check_traces(settings) if enabled else "disabled by traces.enabled"
    yield Finding("traces", "ok", what)


def check_deploy(settings: Settings) -> Iterator[Finding]:
    """Check that the target and the CDN of each environment of `neurova deploy` respond."""
    has_local = (settings.state / "deploy" / LOCAL).is_dir()
    names = sorted({*settings.deploy, *([LOCAL] if has_local else [])})
    if not names:
        yield Finding("deploy", "ok", "not used: there is no [deploy.NAME]")
        return
    from neurova_deploy.cdn.table import open_cdn
    from neurova_deploy.targets.table import provider_of

    from ..deployment.project import load_project_head

    for name in names:
        project = load_project_head(settings.root, name)
        target = partial(provider_of(project.deploy).open, project)
        yield _ask(f"deploy {name}", target)
        if project.deploy.cdn:
            yield _ask(f"cdn {name}", partial(open_cdn, project.name, name, project.deploy))


def _ask(key: str, open_it: Callable[[], Target | Cdn]) -> Finding:
    """Return the result of the `check` method of a target or CDN; an error becomes a warning."""
    try:
        return Finding(key, "ok", open_it().check())
    except NeurovaError as error:
        found = failed(key, error)
        return Finding(found.check, "warn", found.what, found.fix)
