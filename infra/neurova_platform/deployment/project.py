"""Load a project for `neurova deploy`: its units, access rules and settings."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from neurova.endpoints.endpoint import Endpoint
from neurova.errors import ConfigError
from neurova.events.event import event_name
from neurova.loading.service import Service, discover
from neurova.resources import Resources
from neurova.settings.deploy import LOCAL, Deploy
from neurova.settings.settings import Settings
from neurova_deploy.project import Access, Project, Unit
from neurova_deploy.targets.base import RenderKong
from neurova_deploy.targets.table import provider_of
from neurova_gateway.kong_sync.document import render_document
from neurova_gateway.kong_sync.entity import owner_of

from ..composition import state
from ..composition.inventory import describe_access, load_services
from ..composition.kong_entities import entities_of, platform_functions_of
from ..settings.loading import load, without_secrets
from .faults import Uses, answers_later, find_faults

_FILES = ("pyproject.toml", "requirements*.txt", "requirements*.lock", "uv.lock", "Dockerfile")
"""Files that a project's images depend on, in addition to its code and neurova.toml."""
_FOLDERS = ("common", "reports")
"""Folders that a project's images contain, in addition to the functions."""


class Deployment(NamedTuple):
    """A project for one environment; `kong` renders Kong's configuration for given targets."""

    project: Project
    kong: RenderKong


def load_deployment(start: Path | None, environment: str) -> Deployment:
    """Return the project with the settings of `environment`.

    Raises ConfigError, which lists every setting that several machines cannot share.
    """
    own = load(start, secrets=without_secrets)
    deploy = find_environment(own, environment)
    settings = _settings_of(own, deploy)
    uses = Uses({}, {})
    services = load_services(settings, Resources(secret=uses.find_secret, model=uses.find_model))
    faults = [*find_faults(settings, deploy, services, uses)]
    if faults:
        raise ConfigError("\n".join(faults), where=f"deploy.{environment}")
    functions: list[Endpoint] = [each for service in services for each in service.functions]
    if (
        not deploy.has_images_of_services
    ):  # the platform's own functions describe all services, so they need a process with all
        functions += platform_functions_of(functions, settings, "live")
    has_dockerfile = (own.root / "Dockerfile").exists()
    project = Project(
        owner_of(settings.project.name).name,
        environment,
        deploy,
        tuple(_units(settings, deploy, services)),
        access_of(functions),
        drain=max(settings.runtime.drain, settings.bus.drain),
        root=str(own.root),
        state=str(own.state),
        sources=() if has_dockerfile or deploy.target != "compose" else tuple(_sources(own)),
        has_dockerfile=has_dockerfile,
        bus=settings.bus.url,
    )
    return Deployment(project, partial(_render_kong, functions, settings))


def load_project_head(start: Path | None, environment: str) -> Project:
    """Return a project without its functions, for commands that need only the target's state."""
    own = load(start, secrets=without_secrets)
    deploy = find_environment(own, environment)
    name, root, state = owner_of(own.project.name).name, str(own.root), str(own.state)
    return Project(name, environment, deploy, (), (), root=root, state=state)


def find_environment(settings: Settings, environment: str) -> Deploy:
    """Return `[deploy.<environment>]`; the environment `local` needs no section.

    Raises ConfigError, which lists the known names, for an unknown environment.
    """
    known = {LOCAL: Deploy(target="compose", drain_delay=5.0), **settings.deploy}
    if environment not in known:
        fix = f"use one of {', '.join(sorted(known))}, or add it: see docs/deploy.md"
        raise ConfigError(f"[deploy.{environment}] is not in neurova.toml", where="deploy", fix=fix)
    deploy = known[environment]
    if deploy.target != "compose":
        return deploy
    return msgspec.structs.replace(
        deploy,
        image=deploy.image or f"{owner_of(settings.project.name).name}:{{version}}",
        kong_image=deploy.kong_image or "neurova-kong",
    )


def access_of(functions: Iterable[Endpoint]) -> tuple[Access, ...]:
    """Return who may call each function, sorted by function name."""
    rows = []
    for each in functions:
        description = each.description
        route = f"{' '.join(description.methods)} {description.template}"
        rows.append(Access(each.name, each.service, route, describe_access(each)))
    return tuple(sorted(rows, key=lambda row: (row.function, row.route)))


def _settings_of(own: Settings, deploy: Deploy) -> Settings:
    """Return the settings inside the containers: neurova.toml, and the containers' variables.

    Settings whose variable comes from a Secret keep their defaults here, because only the cluster
    knows the values.
    """
    variables = dict(each.split("=", 1) for each in deploy.variables)
    secrets = {each.partition("=")[0]: "***" for each in deploy.secret_variables}
    environ = {name: each for name, each in secrets.items() if not name.startswith("NEUROVA_")}
    ours = provider_of(deploy).variables(deploy, discover(own.functions))
    return load(own.root, environ={**environ, **variables, **ours}, secrets=without_secrets)


def _render_kong(
    functions: list[Endpoint], settings: Settings, targets: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    _, entities = entities_of(functions, settings, "live", targets=targets)
    return render_document(entities)


def _units(settings: Settings, deploy: Deploy, services: list[Service]) -> Iterator[Unit]:
    if not deploy.has_images_of_services:
        yield _unit(settings, deploy, "", services)
        return
    for service in services:
        yield _unit(settings, deploy, service.name, [service])


def _unit(settings: Settings, deploy: Deploy, name: str, services: list[Service]) -> Unit:
    version = _version(settings, [each.name for each in services])
    image = deploy.image.replace("{service}", name.replace("_", "-"))
    stored = [each.name for each in services if state.has_state(settings, each.name)]
    folders = [settings.functions / each / "migrations" for each in stored]
    return Unit(
        name,
        tuple(each.name for each in services),
        image.replace("{version}", version),
        tuple(sub.queue for each in services for sub in each.subscriptions),
        any(each.subscriptions or each.schedules or answers_later(each) for each in services),
        any(each.publishes for each in services),
        _hash_files(settings.root, folders)[:8] if stored else "",
        tuple((run.name, run.description) for each in services for run in each.schedules),
        tuple(sorted(event_name(event) for each in services for event in each.events)),
    )


def _version(settings: Settings, services: list[str]) -> str:
    """Return a hash of the code and settings in an image."""
    root = settings.root
    folders = [settings.functions / each for each in services]
    folders += [
        *(root / each for each in _FOLDERS),
        *(each for glob in _FILES for each in sorted(root.glob(glob))),
    ]
    document = tomllib.loads((root / "neurova.toml").read_text("utf-8"))
    document.pop("deploy", None)  # the container does not read this section
    rest = msgspec.json.encode(document, order="sorted")
    return hashlib.sha256(rest + _hash_files(root, folders).encode()).hexdigest()[:12]


def _hash_files(root: Path, paths: Iterable[Path]) -> str:
    digest, inside = hashlib.sha256(), f"{root}{os.sep}"
    for path in paths:
        for file in [str(path)] if path.is_file() else sorted(_walk(path)):
            name = file.removeprefix(inside) if file.startswith(inside) else os.path.basename(file)
            with open(file, "rb") as opened:
                content = hashlib.sha256(opened.read()).digest()
            digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _walk(folder: Path) -> Iterator[str]:
    """Yield the files in a folder as text: thousands of `Path` objects would take a second."""
    for inner, folders, files in os.walk(folder):
        if "__pycache__" in folders:
            folders.remove("__pycache__")
        yield from (f"{inner}{os.sep}{name}" for name in files)


def _sources(settings: Settings) -> Iterator[str]:
    """Yield the files and folders that an image contains, relative to the project's folder."""
    root, functions = settings.root, settings.functions
    if not functions.is_relative_to(root):
        raise ConfigError(
            f"is {functions}, which is not below {root}",
            where="project.functions",
            fix="move it, or write a Dockerfile",
        )
    for path in (root / "neurova.toml", functions, *(root / each for each in _FOLDERS)):
        if path.exists():
            yield str(path.relative_to(root))
