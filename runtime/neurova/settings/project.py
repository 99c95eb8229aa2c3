"""The sections `[project]`, `[openapi]` and `[services.<name>]` of neurova.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .section import Section
from .units import FilePath

Connections = Annotated[int, msgspec.Meta(ge=2, le=1_000)]


class Project(Section, frozen=True):
    """The name of the project, by default that of its folder, and its other folders.

    `partial`: this copy has only some of the services, so settings may name others.
    """

    name: str = ""
    functions: FilePath = "functions"
    state: FilePath = ".neurova"
    partial: bool = False


class Openapi(Section, frozen=True):
    """Configure the OpenAPI document: who may read it, the API's version and its base URLs.

    An empty `access` means "public" in `neurova dev` and "key" in `neurova run`. Without `servers`,
    the base URL is that of the request for the document.
    """

    access: Literal["", "key", "public", "off"] = ""
    version: str = "0.1.0"
    servers: tuple[str, ...] = ()


class Service(Section, frozen=True):
    """Configure the database of one service.

    `database` is a file, a PostgreSQL URL, or empty for `<state>/<service>.db`. Each process opens
    at most `connections` connections to PostgreSQL. `credentials` is the path of a role in Vault's
    database engine, which leases the user and the password. `targets`: its runtimes behind Kong,
    empty for those of `[gateway.kong]`.
    """

    database: FilePath = ""
    connections: Connections = 8
    credentials: str = ""
    targets: tuple[str, ...] = ()
