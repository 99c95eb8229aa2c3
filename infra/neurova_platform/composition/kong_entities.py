"""The Kong entities of a project, from its functions and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import HttpFunction
from neurova.execution.context import ExecutionContext
from neurova.functions.rate_limits import parse_limit
from neurova.settings.kong import parse_targets
from neurova.settings.settings import Settings
from neurova_gateway.kong.config import Plugin
from neurova_gateway.kong.render import plugin_config, render
from neurova_gateway.kong_sync.entities import Front, build_entities, protect
from neurova_gateway.kong_sync.entity import Entity, Owner, owner_of
from neurova_gateway.plugins.loader import load as load_plugins

from .. import assets
from .inventory import load_functions, report_functions


def project_entities(settings: Settings, environment: str) -> tuple[Owner, tuple[Entity, ...]]:
    """Return the entities for all functions of a project; `environment` is "live" or "test"."""
    functions = [*load_functions(settings)]
    functions += platform_functions_of(functions, settings, environment)
    return entities_of(functions, settings, environment)


def entities_of(
    functions: Sequence[Endpoint],
    settings: Settings,
    environment: str,
    *,
    targets: Mapping[str, tuple[str, ...]] | None = None,
) -> tuple[Owner, tuple[Entity, ...]]:
    """Return the entities for `functions`.

    `targets` overrides the configured targets of each service. Kong then does not check their
    health, because the deployment target does.
    """
    owner = owner_of(settings.project.name)
    state = state_of(settings)
    config = render(
        functions, settings.gateway, environment=environment, state=state, plans=settings.plans
    )
    timeouts: dict[str, float] = {}
    for function in functions:
        timeouts[function.service] = max(function.timeout, timeouts.get(function.service, 0.0))
    kong = settings.gateway.kong
    front = Front(
        owner,
        state,
        {service.name: _targets(settings, service.name, targets) for service in config.services},
        timeouts,
        {each.name: f"{each.file}:{each.line}" for each in functions},
        _defaults(settings),
        hosts=settings.gateway.hosts,
        protocol="https" if settings.gateway.tls_cert else "http",
        answers_unknown_paths=kong.not_found,
        identity=settings.gateway.identity,
        checks_targets=targets is None,
    )
    return owner, build_entities(config, front)


def protecting_entities(
    settings: Settings,
    environment: str,
    scope: str,
    name: str,
    *,
    scopes: Sequence[str] = (),
    limit: str = "",
    public: bool = False,
    consumer_headers: bool = False,
) -> tuple[Owner, tuple[Entity, ...]]:
    """Return our plugins for a service or route that already exists in Kong; see `protect`.

    Raises ValueError for a malformed limit.
    """
    if limit:
        parse_limit(limit)
    defaults = _defaults(settings)
    auth, limits = plugin_config(settings.gateway, environment, state_of(settings), settings.plans)
    auth |= {"public": public, "scopes": list(scopes), "consumer_headers": consumer_headers}
    limits |= {"limit": limit, "route": name} if limit else {}
    owner = Owner(f"{owner_of(settings.project.name).name}:{scope}:{name}")
    plugins = [
        Plugin(kind, {**defaults[kind], **config})
        for kind, config in (("neurova-auth", auth), ("neurova-rate-limit", limits))
    ]
    return owner, protect(owner, scope, name, plugins)


def state_of(settings: Settings) -> str:
    """Return the state folder on Kong's machine."""
    return settings.gateway.kong.state or str(settings.state)


def platform_functions_of(
    functions: list[Endpoint], settings: Settings, environment: str
) -> list[Endpoint]:
    """Return the functions that the platform itself adds to a project."""
    from ..openapi.service import platform_functions

    execution = ExecutionContext()
    own: list[Endpoint] = []
    later = [
        each
        for each in functions
        if isinstance(each, HttpFunction) and each.description.respond_async
    ]
    if later:
        from neurova.async_calls.status import make_status_function

        own.append(make_status_function(later, execution))
    own += report_functions(functions, settings, execution)
    return [*own, *platform_functions([*functions, *own], settings, environment, execution)]


def _targets(
    settings: Settings, service: str, given: Mapping[str, tuple[str, ...]] | None
) -> dict[str, int]:
    if given is not None:
        # Every runtime serves the platform's own functions, so any service's targets will do.
        return parse_targets(given.get(service) or next(iter(given.values())))
    own = settings.services[service].targets if service in settings.services else ()
    gateway = settings.gateway
    chosen = own or gateway.kong.targets or (f"{gateway.host}:{gateway.port}",)
    return parse_targets(chosen)


def _defaults(settings: Settings) -> dict[str, dict[str, object]]:
    folder = assets.plugins_folder(settings.gateway.plugins)
    return {name: dict(plugin.defaults) for name, plugin in load_plugins(folder).items()}
