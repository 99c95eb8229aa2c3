"""What neurova.toml, the environment and the command line say, as frozen objects.

neurova.toml is read here and nowhere else. Default, neurova.toml, `NEUROVA_<SECTION>_<KEY>`, flag:
what comes later wins.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from neurova.database.postgres.url import PostgresUrl, is_postgres
from neurova.database.postgres.url import fault as postgres_fault
from neurova.errors import ConfigError
from neurova.settings.gateway import Admin, FilePath, Gateway, Seconds, admin_faults
from neurova.settings.gateway import faults as gateway_faults

from .. import assets
from ..serving import memory as resident
from .fields import Field, convert, line_of, nearest, nearest_variable, secret, table

FILE = "neurova.toml"
RESERVED = ("NEUROVA_KEY",)
"""Variables that set nothing: the key that `neurova call` sends."""
RESERVED_PREFIXES = ("NEUROVA_TEST_",)
_SERVICE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SERVICE_VARIABLE = re.compile(r"NEUROVA_SERVICES_([A-Z0-9_]+)_(DATABASE|CONNECTIONS)")


class Project(msgspec.Struct, frozen=True):
    """Name the project and its folders; `name` "" is the name of the project's folder."""

    name: str = ""
    functions: FilePath = "functions"
    state: FilePath = ".neurova"


class Runtime(msgspec.Struct, frozen=True):
    """Say how `run` works: `workers` processes, each of at most `memory` bytes, 0 for any.

    `drain`: seconds that calls in flight have to finish; `stuck`: after which a hanging event loop
    is given up; `delay`: that a call may wait for its turn when there are more than can be served.
    """

    workers: Annotated[int, msgspec.Meta(ge=1, le=512)] = 1
    drain: Seconds = 30.0
    stuck: Seconds = 10.0
    memory: Annotated[int, msgspec.Meta(ge=0, le=1 << 40, extra={"unit": "bytes"})] = 0
    delay: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.1


class Openapi(msgspec.Struct, frozen=True):
    """Say who may read the OpenAPI document, and what it says of itself.

    `access` "": anybody in `neurova dev`, who has a key in `neurova run`. `version`: the project's
    own. `servers`: base URLs, none: where the document is.
    """

    access: Literal["", "key", "public", "off"] = ""
    version: str = "0.1.0"
    servers: tuple[str, ...] = ()


Connections = Annotated[int, msgspec.Meta(ge=2, le=1_000)]


class Service(msgspec.Struct, frozen=True):
    """Say where a service keeps its state.

    `database` is a file, "" for `<name>.db` in the state folder, or a URL of PostgreSQL, to which
    each process keeps at most `connections`.
    """

    database: FilePath = ""
    connections: Connections = 8


class Sections(msgspec.Struct, frozen=True):
    """List the sections of neurova.toml whose keys are fixed."""

    project: Project = Project()
    gateway: Gateway = Gateway()
    runtime: Runtime = Runtime()
    openapi: Openapi = Openapi()
    admin: Admin = Admin()


class Settings(msgspec.Struct, frozen=True):
    """Hold everything that was said, checked; paths are absolute.

    `origins`: dotted key to where its value comes from; keys left at their default are not in it.
    """

    root: Path
    project: Project
    gateway: Gateway
    runtime: Runtime
    openapi: Openapi
    admin: Admin
    services: dict[str, Service]
    origins: dict[str, str]

    @property
    def functions(self) -> Path:
        """Return the folder of the services."""
        return Path(self.project.functions)

    @property
    def state(self) -> Path:
        """Return the folder that holds keys, limits and databases."""
        return Path(self.project.state)

    @property
    def plugins(self) -> Path:
        """Return the folder of the gateway's plugins."""
        return Path(self.gateway.plugins) if self.gateway.plugins else assets.plugins()

    def database(self, service: str) -> Path | PostgresUrl:
        """Return the database of a service: its file, or its URL."""
        named = self.services.get(service, Service()).database
        if is_postgres(named):
            return PostgresUrl(named)
        return Path(named) if named else self.state / f"{service}.db"


class Value(msgspec.Struct, frozen=True):
    """One setting in force and where it comes from."""

    key: str
    value: Any
    origin: str


FIELDS = {field.key: field for field in table(Sections)}
SERVICE_FIELDS = {field.key: field for field in table(Service)}


def find(start: Path) -> Path:
    """Return the neurova.toml of `start` or of the nearest folder above it.

    Raises ConfigError when there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise ConfigError(
        f"no {FILE} in {start} or in a folder above it: go into a project, "
        "or make one with `neurova new project NAME`"
    )


def load(
    start: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of the project that `start` (default: the working folder) lies in.

    `flags`: dotted key to value, None for a flag that was not given. Raises ConfigError that lists
    every fault: where it is, its dotted key and the fix.
    """
    file = find((start or Path.cwd()).resolve())
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    wrong: list[str] = []
    sources = (
        _from_file(file, wrong),
        _from_environment(os.environ if environ is None else environ, wrong),
        ((key, value, "flag") for key, value in (flags or {}).items() if value is not None),
    )
    for source in sources:
        for key, value, origin in source:
            try:
                values[key] = convert(field_of(key), value, text=origin.startswith("environment"))
                origins[key] = origin
            except ValueError as error:
                wrong.append(f"{origin}: {key} {error}")
    if wrong:
        raise ConfigError("\n".join(wrong))
    settings = _assemble(file.parent, values, origins)
    wrong = [f"{_place(settings, key)}: {key} {what}" for key, what in _faults(settings)]
    if wrong:
        raise ConfigError("\n".join(wrong))
    return settings


def field_of(key: str) -> Field:
    """Return the field of a known dotted key."""
    if key.startswith("services."):
        of_any = SERVICE_FIELDS[key.rpartition(".")[2]]
        return Field(key, of_any.type, of_any.default)
    return FIELDS[key]


def effective(settings: Settings) -> list[Value]:
    """Return every setting in force, in the order of docs/configuration.md, without passwords."""
    services = (f"services.{name}.{key}" for name in settings.services for key in SERVICE_FIELDS)
    keys = [*FIELDS, *sorted(services)]
    found = []
    for key in keys:
        value: Any = settings
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if isinstance(value, str) and is_postgres(value):
            value = str(PostgresUrl(value))
        found.append(Value(key, value, settings.origins.get(key, "default")))
    return found


def _from_file(file: Path, wrong: list[str]) -> Iterator[tuple[str, Any, str]]:
    try:
        text = file.read_text("utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as TOML: {error}") from None
    for key, value in _leaves(document):
        line = line_of(text, key)
        origin = f"{FILE}:{line}" if line else FILE
        if secret(key, value):
            wrong.append(
                f"{origin}: {key} looks like a secret: none may stand in {FILE}, "
                "as it is copied and committed; take it out and make a new one"
            )
        elif key in FIELDS or _service_key(key):
            yield key, value, origin
        elif not (value == {} and _section(key)):
            wrong.append(f"{origin}: {key} is unknown: {_suggest(key)}")


def _leaves(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict) and value and prefix + name not in FIELDS:
            yield from _leaves(value, prefix + name + ".")
        else:
            yield prefix + name, value


def _section(key: str) -> bool:
    return key.startswith("services") or any(known.startswith(key + ".") for known in FIELDS)


def _service_key(key: str) -> bool:
    parts = key.split(".")
    named = len(parts) == 3 and parts[0] == "services" and parts[2] in SERVICE_FIELDS
    return named and _SERVICE.fullmatch(parts[1]) is not None


def _suggest(key: str) -> str:
    known = list(FIELDS)
    if key.startswith("services."):
        known = [f"services.{key.split('.')[1].lower()}.{name}" for name in SERVICE_FIELDS]
    below = [name.rpartition(".")[2] for name in FIELDS if name.rpartition(".")[0] == key]
    if below:
        return f"it is a section, write [{key}] with {', '.join(below)}"
    meant = nearest(key, known)
    if meant:
        return f"did you mean {meant}?"
    section = key.rpartition(".")[0]
    inside = [name for name in FIELDS if name.rpartition(".")[0] == section]
    if inside:
        return f"[{section}] has {', '.join(name.rpartition('.')[2] for name in inside)}"
    return (
        "the sections are project, gateway, gateway.cors, runtime, openapi, admin, services.<name>"
    )


def _from_environment(
    environ: Mapping[str, str], wrong: list[str]
) -> Iterator[tuple[str, Any, str]]:
    variables = {field.variable: key for key, field in FIELDS.items()}
    for name in sorted(environ):
        if not name.startswith("NEUROVA_"):
            continue
        if name in RESERVED or name.startswith(RESERVED_PREFIXES):
            continue
        service = _SERVICE_VARIABLE.fullmatch(name)
        if name in variables:
            yield variables[name], environ[name], f"environment {name}"
        elif service:
            key = f"services.{service[1].lower()}.{service[2].lower()}"
            yield key, environ[name], f"environment {name}"
        else:
            meant = nearest_variable(name, variables)
            hint = f"did you mean {meant}?" if meant else "unset it; docs/configuration.md has all"
            wrong.append(f"environment {name}: is no setting: {hint}")


def _assemble(root: Path, values: dict[str, Any], origins: dict[str, str]) -> Settings:
    tree: dict[str, Any] = {}
    for key in {**FIELDS, **values}:
        field = field_of(key)
        value = values.get(key, field.default)
        if field.unit == "path" and value and "://" not in value:
            value = str(root / Path(value).expanduser())
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    tree["project"]["name"] = tree["project"]["name"] or root.name
    sections = msgspec.convert(tree, Sections)
    services = msgspec.convert(tree.get("services", {}), dict[str, Service])
    return Settings(
        root,
        sections.project,
        sections.gateway,
        sections.runtime,
        sections.openapi,
        sections.admin,
        services,
        origins,
    )


def _place(settings: Settings, key: str) -> str:
    return settings.origins.get(key, FILE)


def _faults(settings: Settings) -> Iterator[tuple[str, str]]:
    for key, what in gateway_faults(settings.gateway):
        yield f"gateway.{key}", what
    for key, what in admin_faults(settings.admin):
        yield f"admin.{key}", what
    for name in ("tls_cert", "tls_key"):
        path = getattr(settings.gateway, name)
        if path and not Path(path).is_file():
            yield f"gateway.{name}", f"names {path}, which is no file: mend the path"
    if settings.gateway.plugins and not settings.plugins.is_dir():
        yield "gateway.plugins", f"names {settings.plugins}, which is no folder: mend the path"
    for url in settings.openapi.servers:
        if not url.startswith(("https://", "http://", "/")):
            yield "openapi.servers", f'{url!r} is no base URL: write "https://api.example.org"'
    if settings.runtime.memory and not resident.measurable():
        yield (
            "runtime.memory",
            "cannot be kept here: only Linux says what a process holds; take it out",
        )
    yield from _database_faults(settings)


def _database_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    owners: dict[Path | PostgresUrl, str] = {}
    for name, service in settings.services.items():
        key, database = f"services.{name}.database", service.database
        if is_postgres(database):
            what = postgres_fault(database)
            if what:
                yield key, what
        elif "://" in database:
            yield key, "is a URL of neither: give a file, or postgresql://user@host:port/name"
        owner = owners.setdefault(settings.database(name), name)
        if owner != name:
            yield key, f"is the database of {owner} too: give each service one of its own"
