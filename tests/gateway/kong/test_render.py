"""Functions and settings are rendered to routes and plugins."""

from pathlib import Path
from typing import NamedTuple

import pytest

from neurova.functions.descriptions import Http, Mount
from neurova.settings.gateway import Cors, Gateway
from neurova_gateway.kong.config import Plugin
from neurova_gateway.kong.render import kong_path, render, template


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


PATHS = ["/", "/a", "/a.b/{id}", "/a/{b}/c+d/{e_f}", "/{x}", "/a(/.*)", "/.*"]
MOUNTS = ["/{*}", "/legacy/{*}", "/a.b/c/{*}"]


@pytest.mark.parametrize("path", [*PATHS, *MOUNTS])
def test_kong_path_converts_back_to_template(path: str) -> None:
    assert template(kong_path(path)) == path


def test_parameter_becomes_named_group() -> None:
    assert kong_path("/v1.0/{id}") == r"~/v1\.0/(?<id>[^/]+)$"


def test_mount_matches_path_and_everything_below() -> None:
    assert kong_path("/v1.0/{*}") == r"~/v1\.0(/.*)?$"
    assert kong_path("/{*}") == "~/.*$"
    mounted = Mount(path="/legacy", methods=("GET", "HEAD"))
    config = render([Function("a.b", "a", mounted)], Gateway(), environment="live", state=Path("s"))
    assert (config.routes[0].methods, config.routes[0].paths) == (
        ("GET", "HEAD"),
        ("~/legacy(/.*)?$",),
    )


def test_every_route_has_both_plugins() -> None:
    config = render(FUNCTIONS, Gateway(limit="9/second"), environment="live", state=Path("s"))
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


def test_order_of_functions_does_not_matter() -> None:
    first = render(FUNCTIONS, Gateway(), environment="live", state=Path("s"))
    assert first == render(FUNCTIONS[::-1], Gateway(), environment="live", state=Path("s"))


def test_cors_needs_an_origin() -> None:
    assert "cors" not in {
        plugin.name
        for plugin in render(FUNCTIONS, Gateway(), environment="live", state=Path()).plugins
    }
    config = render(
        FUNCTIONS, Gateway(cors=Cors(("https://a.example",))), environment="live", state=Path()
    )
    assert config.plugins[0].name == "cors"
    assert config.plugins[0].route is None


def test_plugin_configs_contain_no_password() -> None:
    gateway = Gateway(keys="postgresql://nv:pw-of-it@db/keys")
    config = render(FUNCTIONS, gateway, environment="live", state=Path("s"))
    urls = {plugin.config["keys"] for plugin in config.plugins if "keys" in plugin.config}
    assert urls == {"postgresql://nv@db/keys"}


def test_extra_plugins_are_global_once() -> None:
    gateway = Gateway(extra=("acme-greet", "acme-greet"))
    config = render(FUNCTIONS, gateway, environment="live", state=Path("s"))
    assert [plugin for plugin in config.plugins if plugin.route is None] == [
        Plugin("acme-greet", {}, tags=("neurova",))
    ]
