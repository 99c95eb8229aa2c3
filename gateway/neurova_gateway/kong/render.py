"""Render functions and settings to the configuration of both gateways, without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from neurova.database.postgres.url import PostgresUrl
from neurova.endpoints.endpoint import Endpoint
from neurova.settings.gateway import Gateway as GatewaySettings
from neurova.settings.plans import Plan

from ..limits.redis.url import parse_url
from .config import GatewayConfig, Plugin, Route, Service

TAG = ("neurova",)
_PARAMETER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_KONG_PARAMETER = re.compile(r"\(\?<([a-z_][a-z0-9_]*)>\[\^/\]\+\)")
_REST = "/{*}"
_ESCAPED = re.compile(r"\\(.)")


def render(
    functions: Iterable[Endpoint],
    gateway: GatewaySettings,
    *,
    environment: str,
    state: Path | str,
    plans: Mapping[str, Plan] = {},
) -> GatewayConfig:
    """Return the configuration: the services, and a route with plugins for each function.

    `environment` ("live" or "test"): the environment of accepted keys. `state`: the state folder,
    where plugins open the stores of keys and limits. `plans`: the plans that consumers may hold.
    """
    ordered = sorted(functions, key=lambda function: function.name)
    names = sorted({function.service for function in ordered})
    plugins: list[Plugin] = []
    if gateway.cors.origins:
        plugins.append(Plugin("cors", msgspec.to_builtins(gateway.cors), tags=TAG))
    plugins.extend(Plugin(name, {}, tags=TAG) for name in dict.fromkeys(gateway.extra))
    auth, limits = plugin_config(gateway, environment, state, plans)
    for function in ordered:
        plugins.extend(_plugins(function, auth, limits))
    return GatewayConfig(
        tuple(Service(name, gateway.host, gateway.port, tags=TAG) for name in names),
        tuple(_route(function) for function in ordered),
        tuple(plugins),
    )


def plugin_config(
    gateway: GatewaySettings,
    environment: str,
    state: Path | str,
    plans: Mapping[str, Plan] = {},
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of `neurova-auth` and `neurova-rate-limit` that all routes share."""
    auth: dict[str, Any] = {"environment": environment, "state": str(state)}
    if gateway.keys:
        auth["keys"] = str(PostgresUrl(gateway.keys))  # `str` omits the password
    if plans:
        auth["plans"] = _plans(plans)
    limits: dict[str, Any] = {"state": str(state)}
    if gateway.limits:
        limits["limits"] = str(parse_url(gateway.limits))
    if gateway.time_zone != "UTC":
        limits["zone"] = gateway.time_zone
    if gateway.limit:
        limits["consumer_limit"] = gateway.limit
    return auth, limits


def _route(function: Endpoint) -> Route:
    description = function.description
    tags = (*TAG, *description.tags)
    return Route(
        function.name,
        function.service,
        description.methods,
        (to_kong_path(description.template),),
        tags=tags,
    )


def _plugins(
    function: Endpoint, auth: dict[str, Any], limits: dict[str, Any]
) -> tuple[Plugin, Plugin]:
    description = function.description
    auth = {**auth, "public": description.public, "scopes": list(description.scopes)}
    limits = dict(limits)
    if description.limit:
        limits |= {"route": function.name, "limit": description.limit}
    if description.cost != 1:
        limits["cost"] = description.cost
    return (
        Plugin("neurova-auth", auth, route=function.name, tags=TAG),
        Plugin("neurova-rate-limit", limits, route=function.name, tags=TAG),
    )


def _plans(plans: Mapping[str, Plan]) -> dict[str, dict[str, Any]]:
    """Return plans as the plugin's schema requires: without unset fields, because it rejects ""."""
    fields = {name: msgspec.to_builtins(plan) for name, plan in sorted(plans.items())}
    return {name: {k: v for k, v in plan.items() if v} for name, plan in fields.items()}


@lru_cache(maxsize=65_536)
def to_kong_path(template: str) -> str:
    """Convert a template like `/bookings/{id}` to Kong's form, `~/bookings/(?<id>[^/]+)$`.

    `/legacy/{*}` (this path and all paths below it) becomes `~/legacy(/.*)?$`; `/{*}` becomes
    `~/.*$`.
    """
    if template.endswith(_REST):
        prefix = re.escape(template.removesuffix(_REST))
        return f"~{prefix}(/.*)?$" if prefix else "~/.*$"
    parts = _PARAMETER.split(template)
    literals = [re.escape(part) for part in parts[::2]]
    names = [f"(?<{name}>[^/]+)" for name in parts[1::2]]
    mixed = [text for pair in zip(literals, [*names, ""], strict=True) for text in pair]
    return f"~{''.join(mixed)}$"


@lru_cache(maxsize=65_536)
def to_template(path: str) -> str:
    """Convert a path in Kong's form back to its template."""
    if path.endswith("(/.*)?$") or path == "~/.*$":  # a dot in a literal path is escaped
        prefix = path[1:].removesuffix("(/.*)?$").removesuffix("/.*$")
        return _ESCAPED.sub(r"\1", prefix) + _REST
    return _ESCAPED.sub(r"\1", _KONG_PARAMETER.sub(r"{\1}", path[1:-1]))
