"""From functions and settings to what both gateways read."""

from pathlib import Path
from typing import NamedTuple

import pytest

from neurova.functions.descriptions import Http, Mount
from neurova.settings.gateway import Cors, Gateway
from neurova_gateway.kong.config import Plugin
from neurova_gateway.kong.render import kong_path, render, template


class Described(NamedTuple):
    name: str
    service: str
    description: Http | Mount


FUNCTIONS = [
    Described(
        "booking.get", "booking", Http(method="GET", path="/bookings/{id}", scopes=("b:read",))
    ),
    Described("booking.rooms", "booking", Http(method="GET", path="/rooms", public=True)),
    Described(
        "booking.create", "booking", Http(method="POST", path="/bookings", limit="5/minute", cost=2)
    ),
]


PATHS = ["/", "/a", "/a.b/{id}", "/a/{b}/c+d/{e_f}", "/{x}", "/a(/.*)", "/.*"]
MOUNTS = ["/{*}", "/legacy/{*}", "/a.b/c/{*}"]


@pytest.mark.parametrize("path", [*PATHS, *MOUNTS])
def test_kongs_spelling_of_a_path_can_be_read_back(path: str) -> None:
    assert template(kong_path(path)) == path


def test_a_parameter_is_a_named_group_in_kongs_path() -> None:
    assert kong_path("/v1.0/{id}") == r"~/v1\.0/(?<id>[^/]+)$"


def test_a_mount_is_its_path_and_all_below_it() -> None:
    assert kong_path("/v1.0/{*}") == r"~/v1\.0(/.*)?$"
    assert kong_path("/{*}") == "~/.*$"
    mounted = Mount(path="/legacy", methods=("GET", "HEAD"))
    config = render(
        [Described("a.b", "a", mounted)], Gateway(), environment="live", state=Path("s")
    )
    assert (config.routes[0].methods, config.routes[0].paths) == (
        ("GET", "HEAD"),
        ("~/legacy(/.*)?$",),
    )


def test_every_route_has_both_plugins_and_only_what_was_said_is_open() -> None:
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


def test_it_is_pure_whatever_the_order_of_the_functions() -> None:
    first = render(FUNCTIONS, Gateway(), environment="live", state=Path("s"))
    assert first == render(FUNCTIONS[::-1], Gateway(), environment="live", state=Path("s"))


def test_cors_is_there_only_when_an_origin_is_named() -> None:
    assert "cors" not in {
        plugin.name
        for plugin in render(FUNCTIONS, Gateway(), environment="live", state=Path()).plugins
    }
    config = render(
        FUNCTIONS, Gateway(cors=Cors(("https://a.example",))), environment="live", state=Path()
    )
    assert config.plugins[0].name == "cors"
    assert config.plugins[0].route is None


def test_a_password_of_the_key_store_is_in_no_plugins_config() -> None:
    gateway = Gateway(keys="postgresql://nv:pw-of-it@db/keys")
    config = render(FUNCTIONS, gateway, environment="live", state=Path("s"))
    said = {plugin.config["keys"] for plugin in config.plugins if "keys" in plugin.config}
    assert said == {"postgresql://nv@db/keys"}


def test_extra_plugins_are_on_every_route_once() -> None:
    gateway = Gateway(extra=("acme-greet", "acme-greet"))
    config = render(FUNCTIONS, gateway, environment="live", state=Path("s"))
    assert [plugin for plugin in config.plugins if plugin.route is None] == [
        Plugin("acme-greet", {}, tags=("neurova",))
    ]
