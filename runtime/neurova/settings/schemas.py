"""The section `[schemas]` of neurova.toml."""

from __future__ import annotations

from collections.abc import Iterator

from ..schemas.base import Level
from .gateway import is_loopback
from .section import Section
from .units import Port


class Schemas(Section, frozen=True):
    """Configure the registry of the events' schemas.

    `url`: a registry with the Confluent API, empty for a file in the state folder. That one is
    served with the same API on `host` and `port`, if `serve`. `token`: the bearer token sent to
    `url`, or asked from clients of the embedded registry. `compatibility`: the level of subjects of
    the embedded registry that have none of their own.
    """

    url: str = ""
    token: str = ""
    compatibility: Level = "BACKWARD"
    serve: bool = True
    host: str = "127.0.0.1"
    port: Port = 8081


def find_schemas_faults(schemas: Schemas) -> Iterator[tuple[str, str]]:
    """Yield each key in `[schemas]` with an invalid value, and what is wrong."""
    if schemas.url and not schemas.url.startswith(("http://", "https://")):
        yield "url", "is not the URL of a registry, write one like https://registry.example:8081"
    if schemas.serve and not schemas.url and not is_loopback(schemas.host) and not schemas.token:
        yield (
            "host",
            f"{schemas.host!r} is not a loopback address, so other machines could change schemas: "
            "set schemas.token, or use 127.0.0.1",
        )
