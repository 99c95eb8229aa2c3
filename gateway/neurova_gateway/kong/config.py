"""What the gateway is told: a frozen subset of Kong's entities, read by both gateways.

`paths` are in Kong's form: always one regular expression, `~/bookings/(?<id>[^/]+)$`.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Service(msgspec.Struct, frozen=True):
    """A runtime that Kong forwards to; the embedded gateway calls it in process."""

    name: str
    host: str
    port: int
    protocol: str = "http"
    tags: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """A method and a path; its name is the function's: `booking.create_booking`."""

    name: str
    service: str
    methods: tuple[str, ...]
    paths: tuple[str, ...]
    strip_path: bool = False
    tags: tuple[str, ...] = ()


class Plugin(msgspec.Struct, frozen=True):
    """A plugin with its configuration, on one route, one service or (both None) everywhere."""

    name: str
    config: dict[str, Any]
    route: str | None = None
    service: str | None = None
    tags: tuple[str, ...] = ()


class GatewayConfig(msgspec.Struct, frozen=True):
    """All that a gateway needs to know."""

    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    plugins: tuple[Plugin, ...] = ()
