"""The configuration that both gateways read: an immutable subset of Kong's entities."""

from __future__ import annotations

from typing import Any

import msgspec


class Service(msgspec.Struct, frozen=True):
    """A runtime: Kong forwards requests to it; the embedded gateway calls it in process."""

    name: str
    host: str
    port: int
    protocol: str = "http"
    tags: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """The methods and paths of one function; `name`: e.g. `booking.create_booking`.

    `paths` are regular expressions in Kong's form: `~/bookings/(?<id>[^/]+)$`.
    """

    name: str
    service: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    strip_path: bool = False
    tags: tuple[str, ...] = ()


class Plugin(msgspec.Struct, frozen=True):
    """A plugin and its configuration for a route or a service, or global if both are None."""

    name: str
    config: dict[str, Any]
    route: str | None = None
    service: str | None = None
    tags: tuple[str, ...] = ()


class GatewayConfig(msgspec.Struct, frozen=True):
    """The whole configuration of a gateway."""

    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    plugins: tuple[Plugin, ...] = ()
