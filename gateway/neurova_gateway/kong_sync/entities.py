"""Turn the gateway's configuration into Kong's entities, without I/O.

Every entity sets all fields on which NEUROVA relies, so that a later diff finds manual changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from neurova.functions.descriptions import HEALTH_PATH

from ..kong.config import GatewayConfig, Plugin, Route, Service
from ..kong.render import to_template
from . import lua
from .entity import Entity, Owner
from .routing import allowed_methods, regex_priority

AUTH = "neurova-auth"
LIMIT = "neurova-rate-limit"
GUARD = "post-function"
_GRACE = 5.0  # seconds added to Kong's timeout, so that the runtime answers 504 before Kong does
_PLAIN_ORIGIN = re.compile(r"[A-Za-z0-9.:/-]+|\*")
_PHASES = ("certificate", "rewrite", "access", "header_filter", "body_filter", "log")
_HEALTHCHECKS = {
    "threshold": 0,
    "active": {
        "type": "http",
        "http_path": HEALTH_PATH,
        "timeout": 1,
        "concurrency": 10,
        "https_verify_certificate": True,
        "healthy": {"interval": 2, "successes": 1, "http_statuses": [200]},
        # A draining runtime answers 503 and must get no more requests.
        "unhealthy": {
            "interval": 2,
            "http_failures": 1,
            "http_statuses": [429, 500, 502, 503, 504],
            "tcp_failures": 2,
            "timeouts": 2,
        },
    },
    # Ignore the statuses of responses: they come from functions, not from the runtime.
    "passive": {
        "type": "http",
        "healthy": {"successes": 0},
        "unhealthy": {"http_failures": 0, "tcp_failures": 2, "timeouts": 0},
    },
}


class Front(msgspec.Struct, frozen=True):
    """The settings that only Kong needs, in addition to the configuration of both gateways.

    `targets`: for each service, the weight of each host:port. `timeouts`: for each service, the
    longest function timeout in seconds. `sources`: file:line of each function. `defaults`: default
    settings of each plugin. `identity`: the name of the secret with the signing keys, "" for a file
    in the state folder. `checks_targets` is false if the targets are load balancers, which check
    the health of the runtimes themselves.
    """

    owner: Owner
    state: str
    targets: Mapping[str, Mapping[str, int]]
    timeouts: Mapping[str, float]
    sources: Mapping[str, str]
    defaults: Mapping[str, Mapping[str, Any]]
    hosts: tuple[str, ...] = ()
    protocol: str = "http"
    answers_unknown_paths: bool = True
    identity: str = ""
    checks_targets: bool = True


def build_entities(config: GatewayConfig, front: Front) -> tuple[Entity, ...]:
    """Return all entities, each one after the entities that it refers to."""
    build = _Builder(front)
    for service in config.services:
        build.add_service(service, [each for each in config.plugins if each.route is None])
    for route in config.routes:
        build.add_route(route)
    for plugin in config.plugins:
        if plugin.route is not None:
            build.add_plugin(plugin, route=plugin.route)
    build.add_helpers(config.routes, [each for each in config.plugins if each.name == "cors"])
    return tuple(build.entities)


def protect(owner: Owner, scope: str, name: str, plugins: Iterable[Plugin]) -> tuple[Entity, ...]:
    """Return the plugins and the guard for an existing service or route of Kong.

    `scope` is "service" or "route"; `name` is its name, which `sync.resolve` replaces by its id.
    """
    wanted = [*plugins, _function_plugin(lua.guard())]
    return tuple(
        owner.entity(
            "plugins",
            f"{scope}:{name}/{plugin.name}",
            {
                "name": plugin.name,
                "enabled": True,
                "config": _guarded(plugin.name, plugin.config),
                scope: {"name": name},
            },
            label=f"{plugin.name} on {scope} {name}",
        )
        for plugin in wanted
    )


class _Builder:
    """Collect entities, and index services and routes by name for references."""

    def __init__(self, front: Front) -> None:
        self.entities: list[Entity] = []
        self._front = front
        self._services: dict[str, Entity] = {}
        self._routes: dict[str, Entity] = {}

    def add_service(self, service: Service, plugins: Iterable[Plugin]) -> None:
        front, name = self._front, f"{self._front.owner.name}.{service.name}"
        checks = msgspec.to_builtins(_HEALTHCHECKS)
        checks["active"]["type"] = checks["passive"]["type"] = front.protocol
        if not front.checks_targets:
            _disable(checks)
        host = f"{service.name}.{front.owner.name}.neurova"
        fields = {"name": host, "algorithm": "round-robin", "slots": 1000, "healthchecks": checks}
        upstream = self._add("upstreams", name, fields)
        for target, weight in front.targets[service.name].items():
            fields = {"upstream": upstream.reference, "target": target, "weight": weight}
            self._add("targets", f"{name}/{target}", fields, label=f"{target} of {name}")
        seconds = front.timeouts.get(service.name, 60.0) + _GRACE
        self._services[service.name] = self._add(
            "services",
            name,
            {
                "name": name,
                "protocol": front.protocol,
                "host": host,
                "port": 443 if front.protocol == "https" else 80,
                "path": None,
                "retries": 1,
                "connect_timeout": 2_000,
                "write_timeout": 60_000,
                "read_timeout": round(seconds * 1000),
                "enabled": True,
            },
        )
        for plugin in (*plugins, _function_plugin(lua.guard())):
            self.add_plugin(plugin, service=service.name)

    def add_route(self, route: Route) -> None:
        service = self._services[route.service].reference
        self._routes[route.name] = self._add_route(
            route.name,
            {
                "name": f"{self._front.owner.name}.{route.name}",
                "service": service,
                "methods": list(route.methods),
                "paths": list(route.paths),
                "regex_priority": regex_priority(to_template(route.paths[0])),
            },
            label=f"{route.name}  {' '.join(route.methods)} {to_template(route.paths[0])}",
            source=self._front.sources.get(route.name, ""),
        )

    def add_helpers(self, routes: Iterable[Route], cors: Iterable[Plugin]) -> None:
        """Add a route that answers 405 for each path, and one that answers 404 for all others."""
        rows = [(to_template(route.paths[0]), route) for route in routes]
        allowed = allowed_methods((template, route.methods) for template, route in rows)
        first = dict(reversed(rows))
        for template, methods in allowed.items():
            route = first[template]
            fields = {
                "name": None,
                "service": self._services[route.service].reference,
                "methods": None,
                "paths": list(route.paths),
                "regex_priority": regex_priority(template),
            }
            self._routes[f"405 {template}"] = self._add_route(f"405 {template}", fields)
            self.add_plugin(
                _function_plugin(lua.method_not_allowed(methods)), route=f"405 {template}"
            )
        if not self._front.answers_unknown_paths:
            return
        fields = {"name": None, "service": None, "methods": None, "paths": ["/"]}
        self._routes["404"] = self._add_route("404", fields | {"regex_priority": 0})
        for plugin in (*cors, _function_plugin(lua.not_found())):
            self.add_plugin(plugin, route="404")

    def add_plugin(self, plugin: Plugin, *, service: str = "", route: str = "") -> None:
        defaults = self._front.defaults.get(plugin.name, {})
        config = _guarded(plugin.name, {**defaults, **plugin.config})
        if plugin.name == AUTH:
            if self._front.identity:
                config["identity_secret"] = self._front.identity
            else:
                config["identity_key"] = f"{self._front.state}/identity.key"
        if plugin.name == "cors":
            config["origins"] = [_exact_origin(origin) for origin in config["origins"]]
        # Add the plugin to each service, not globally: Kong may serve other applications, too.
        fields = {
            "name": plugin.name,
            "enabled": True,
            "config": config,
            "service": self._services[service].reference if service else None,
            "route": self._routes[route].reference if route else None,
        }
        place = f"service {service}" if service else f"route {route}"
        self._add(
            "plugins",
            f"{place}/{plugin.name}",
            fields,
            label=f"{plugin.name} on {place}",
            source=self._front.sources.get(route, ""),
        )

    def _add_route(self, key: str, fields: dict[str, Any], **options: str) -> Entity:
        always = {
            "protocols": ["http", "https"],
            "https_redirect_status_code": 426,
            "hosts": list(self._front.hosts) or None,
            "path_handling": "v0",
            "strip_path": False,
            "preserve_host": True,
            # Do not buffer: the runtime limits body sizes, and streams must not wait for a full
            # buffer.
            "request_buffering": False,
            "response_buffering": False,
        }
        return self._add("routes", key, {**fields, **always}, **options)

    def _add(self, kind: str, key: str, fields: dict[str, Any], **options: str) -> Entity:
        entity = self._front.owner.entity(kind, key, fields, **options)
        self.entities.append(entity)
        return entity


def _function_plugin(access: str) -> Plugin:
    phases: dict[str, list[str]] = {phase: [] for phase in _PHASES}
    return Plugin(GUARD, {**phases, "access": [access]})


def _disable(checks: dict[str, Any]) -> None:
    """Disable the health checks: Kong disables a check whose counts and intervals are 0."""
    active, passive = checks["active"], checks["passive"]
    active["healthy"]["interval"] = active["unhealthy"]["interval"] = 0
    passive["unhealthy"]["tcp_failures"] = 0


def _guarded(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the config; for the limiter, let it report counted calls to the guard."""
    return {**config, "guarded": True} if name == LIMIT else config


def _exact_origin(origin: str) -> str:
    # Kong treats an origin with any other character as a regular expression.
    return origin if _PLAIN_ORIGIN.fullmatch(origin) else f"^{re.escape(origin)}$"
