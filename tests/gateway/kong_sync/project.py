"""Entities of a small project, built without loading files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tests.plugins.conftest import PLUGINS

from neurova.functions.descriptions import Http, Mount
from neurova.settings.gateway import Cors, Gateway
from neurova_gateway.kong.render import render
from neurova_gateway.kong_sync.entities import Front, build_entities
from neurova_gateway.kong_sync.entity import Entity, Owner
from neurova_gateway.plugins.loader import load

OWNER = Owner("demo")


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
    Function("crm.app", "crm", Mount(path="/legacy", methods=("GET", "HEAD"))),
]
CHANGED = [
    Function("booking.get", "booking", Http(method="GET", path="/bookings/{id}", public=True)),
    Function("booking.drop", "booking", Http(method="DELETE", path="/bookings/{id}")),
    Function("mail.send", "mail", Http(method="POST", path="/mails")),
]


def entities_of(
    functions: Sequence[Function] = FUNCTIONS, targets: Iterable[str] = ("10.0.0.5:8000",)
) -> tuple[Entity, ...]:
    """Return the entities for functions, with CORS."""
    options = Gateway(cors=Cors(("https://a.example", "https://a_b.example")))
    config = render(functions, options, environment="live", state="/var/lib/neurova")  # type: ignore[arg-type]
    defaults: dict[str, Any] = {name: each.defaults for name, each in load(PLUGINS).items()}
    services = {each.name for each in config.services}
    weights = {service: dict.fromkeys(targets, 100) for service in services}
    sources = {each.name: f"functions/{each.name}.py:1" for each in functions}
    front = Front(
        OWNER,
        "/var/lib/neurova",
        weights,
        dict.fromkeys(services, 30.0),
        sources,
        defaults,
    )
    return build_entities(config, front)
