"""Explain a call: which function handles it, its limits, and where each value comes from."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import msgspec

from neurova.binding.parameter import REQUIRED
from neurova.binding.signature import read_signature, type_name
from neurova.endpoints.endpoint import Endpoint
from neurova.endpoints.function import ConcurrentFunction, DirectFunction, HttpFunction
from neurova.endpoints.mounted_app import MountedApp
from neurova.settings.settings import Settings, Value
from neurova_gateway.kong.render import render
from neurova_gateway.pipeline import health
from neurova_gateway.pipeline.path import BadPath
from neurova_gateway.pipeline.routes import RouteTable
from neurova_gateway.plugins.loader import find_plugin, load
from neurova_gateway.server.encoding import METHODS

from .. import assets
from ..composition.inventory import describe_access

CORS_PRIORITY = 2000  # the priority of Kong's plugin "cors"
NEVER_WAITS = "the function never waits"


class Input(msgspec.Struct, frozen=True):
    """One parameter of a function; `source` is "body", "path", "query", "header" or "cookie"."""

    name: str
    source: str
    type: str
    required: bool


class Step(msgspec.Struct, frozen=True):
    """One plugin that processes a call."""

    name: str
    priority: int


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Describe how a call is handled; `status` is 200, or the status of the error response.

    `reason` says why no function handles it; `near` lists similar routes.
    """

    method: str
    path: str
    status: int
    reason: str = ""
    near: tuple[str, ...] = ()
    function: str = ""
    file: str = ""
    summary: str = ""
    route: str = ""
    access: str = ""
    inputs: tuple[Input, ...] = ()
    plugins: tuple[Step, ...] = ()
    values: tuple[Value, ...] = ()


def explain(
    method: str,
    path: str,
    functions: Sequence[Endpoint],
    settings: Settings,
) -> Explanation:
    """Return how a call of `method` on `path` is handled.

    Raises ConfigError if the plugins cannot be loaded.
    """
    table = RouteTable(
        (answered, each.description.template, each)
        for each in functions
        for answered in each.description.methods
    )
    raw_path = path.partition("?")[0].encode("utf-8")
    if method not in METHODS:
        return Explanation(method, path, 501, reason="Method not implemented")
    if raw_path == health.RAW_PATH and method in health.METHODS:
        reason = "health of the platform; needs no key and has no limit"
        return Explanation(method, path, 200, reason=reason)
    try:
        match = table.find(method, raw_path)
    except BadPath as error:
        return Explanation(method, path, 400, reason=str(error))
    if match.target is None and match.allowed:
        reason = f"Method not allowed, use {', '.join(match.allowed)}"
        return Explanation(method, path, 405, reason=reason)
    if match.target is None:
        near = _similar_routes(f"{method} {path}", functions)
        return Explanation(method, path, 404, reason="No route matches this path", near=near)
    return _explain_function(method, path, match.target, settings)


def _explain_function(
    method: str, path: str, function: Endpoint, settings: Settings
) -> Explanation:
    place = f"{function.file}:{function.line}"
    return Explanation(
        method,
        path,
        200,
        function=function.name,
        file=place,
        summary=(function.doc or "").strip().partition("\n")[0],
        route=function.route,
        access=describe_access(function),
        inputs=list_inputs(function),
        plugins=list_plugins(function, settings),
        values=tuple(list_limits(function, settings)),
    )


def list_inputs(function: Endpoint) -> tuple[Input, ...]:
    """Return the parameters that a function reads from a call."""
    if not isinstance(function, HttpFunction):
        return ()
    place = f"{function.file}:{function.line}"
    signature = read_signature(function.handler, function.description, place)
    return tuple(
        Input(each.alias, each.kind, type_name(each.type), each.default is REQUIRED)
        for each in signature.parameters
        if each.kind in ("body", "path", "query", "header", "cookie")
    )


def list_plugins(function: Endpoint, settings: Settings) -> tuple[Step, ...]:
    """Return the plugins that process a call of the function, in order."""
    config = render([function], settings.gateway, environment="test", state=settings.state)
    loaded = load(assets.plugins_folder(settings.gateway.plugins))
    # CORS has no plugin file with a priority: the gateway implements it.
    steps = [
        Step(
            each.name,
            CORS_PRIORITY if each.name == "cors" else find_plugin(loaded, each.name).priority,
        )
        for each in config.plugins
    ]
    return tuple(sorted(steps, key=lambda step: (-step.priority, step.name)))


def _similar_routes(call: str, functions: Sequence[Endpoint]) -> tuple[str, ...]:
    routes = [each.route for each in functions]
    return tuple(difflib.get_close_matches(call, routes, 3, 0.5))


def _idempotency(function: Endpoint, place: str) -> list[Value]:
    if not isinstance(function, HttpFunction) or function.description.method != "POST":
        return []
    if function.stores_replies:
        support = "stored for 24 hours"
    elif function.description.public:
        support = "refused: the caller is unknown"
    else:
        support = "refused: a stream is not stored"
    return [Value("idempotency-key", support, place)]


def list_limits(function: Endpoint, settings: Settings) -> list[Value]:
    """Return the limits of a function, each with the place that sets it."""
    place = f"{function.file}:{function.line}"
    description = function.description
    defaults = {each.name: each.default for each in msgspec.structs.fields(description)}

    def own(key: str) -> Value:
        value: Any = getattr(description, key)
        return Value(key, value, "default" if value == defaults[key] else place)

    def set_for_all(key: str, value: Any) -> Value:
        return Value(key, value, settings.origins.get(key, "default"))

    timeout, concurrency = own("timeout"), own("concurrency")
    if isinstance(function, DirectFunction):
        # A plain function cannot be interrupted, so a timeout only has an effect if the function
        # reads its deadline.
        concurrency = Value("concurrency", "", NEVER_WAITS)
        if all(parameter.kind != "deadline" for parameter in function.binding.parameters):
            timeout = Value("timeout", "", NEVER_WAITS)
    elif not description.concurrency and isinstance(function, ConcurrentFunction | MountedApp):
        concurrency = Value("concurrency", function.concurrency.limit, "default")
    gateway = settings.gateway
    return [
        *_idempotency(function, place),
        own("limit"),
        set_for_all("gateway.limit", gateway.limit),
        own("cost"),
        timeout,
        concurrency,
        *(own(key) for key in ("retries", "cache") if key in defaults),  # a mounted app has neither
        set_for_all("gateway.max_body", gateway.max_body),
        set_for_all("gateway.phase_deadline", gateway.phase_deadline),
    ]
