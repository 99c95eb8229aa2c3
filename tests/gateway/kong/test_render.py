"""Routes and plugins rendered from functions and settings."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from neurova.functions.descriptions import Http, Mount
from neurova.settings.gateway import Cors, Gateway
from neurova_gateway.kong.config import GatewayConfig, Plugin
from neurova_gateway.kong.render import render, to_kong_path, to_template


class Function(NamedTuple):
    name: str
    service: str
    description: Http | Mount


FUNCTIONS = [
    Function(
        "booking.get", "booking", Http(method="GET", path="/bookings/{id}", scopes=("b:read",))
    ),
    Function("booking.rooms", "booking", Http(method="GET", path="/rooms", public=True)),
    Function(
        "booking.create", "booking", Http(method="POST", path="/bookings", limit="5/minute", cost=2)
    ),
]


def rendered(functions: list[Function] = FUNCTIONS, **settings: Any) -> GatewayConfig:
    return render(functions, Gateway(**settings), environment="live", state=Path("s"))


PATHS = ["/", "/a", "/a.b/{id}", "/a/{b}/c+d/{e_f}", "/{x}", "/a(/.*)", "/.*"]
MOUNTS = ["/{*}", "/legacy/{*}", "/a.b/c/{*}"]


@pytest.mark.parametrize("path", [*PATHS, *MOUNTS])
def test_kong_path_converts_back_to_template(path: str) -> None:
    assert to_template(to_kong_path(path)) == path


def test_parameters_and_mounts_become_patterns() -> None:
    assert to_kong_path("/v1.0/{id}") == r"~/v1\.0/(?<id>[^/]+)$"
    assert to_kong_path("/v1.0/{*}") == r"~/v1\.0(/.*)?$"
    assert to_kong_path("/{*}") == "~/.*$"
    mounted = Mount(path="/legacy", methods=("GET", "HEAD"))
    config = rendered([Function("a.b", "a", mounted)])
    assert (config.routes[0].methods, config.routes[0].paths) == (
        ("GET", "HEAD"),
        ("~/legacy(/.*)?$",),
    )


def test_every_route_has_both_plugins() -> None:
    config = rendered(limit="9/second")
    assert config == rendered(FUNCTIONS[::-1], limit="9/second")
    assert [route.name for route in config.routes] == [
        "booking.create",
        "booking.get",
        "booking.rooms",
    ]
    by_route = {(plugin.route, plugin.name): plugin.config for plugin in config.plugins}
    assert len(by_route) == 6
    assert by_route["booking.rooms", "neurova-auth"]["public"] is True
    assert by_route["booking.get", "neurova-auth"]["public"] is False
    assert by_route["booking.get", "neurova-auth"]["scopes"] == ["b:read"]
    limits = by_route["booking.create", "neurova-rate-limit"]
    assert (limits["limit"], limits["cost"], limits["consumer_limit"]) == (
        "5/minute",
        2,
        "9/second",
    )


def test_cors_and_extra_plugins_are_global_once() -> None:
    assert not [plugin for plugin in rendered().plugins if plugin.route is None]
    config = rendered(cors=Cors(("https://a.example",)), extra=("acme-greet", "acme-greet"))
    cors, extra = [plugin for plugin in config.plugins if plugin.route is None]
    assert cors.name == "cors"
    assert extra == Plugin("acme-greet", {}, tags=("neurova",))


def test_plugin_configs_contain_no_password() -> None:
    config = rendered(keys="postgresql://nv:pw-of-it@db/keys")
    urls = {plugin.config["keys"] for plugin in config.plugins if "keys" in plugin.config}
    assert urls == {"postgresql://nv@db/keys"}
