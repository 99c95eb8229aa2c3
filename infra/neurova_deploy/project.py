"""What is deployed: the units, routes and settings of a project, without I/O."""

from __future__ import annotations

import msgspec

from neurova.bus.base import Queue
from neurova.functions.schedule import Schedule
from neurova.settings.deploy import Deploy


class Unit(msgspec.Struct, frozen=True):
    """One image and the services in it: it becomes Deployments of its own.

    `queues`: those of its subscriptions. `migrations`: a hash of its revisions, "" without a
    database. `schedules`: by the names of their functions. `events`: those that it publishes.
    """

    name: str
    services: tuple[str, ...]
    image: str
    queues: tuple[Queue, ...] = ()
    has_subscriptions: bool = False
    has_relay: bool = False
    migrations: str = ""
    schedules: tuple[tuple[str, Schedule], ...] = ()
    events: tuple[str, ...] = ()


class Access(msgspec.Struct, frozen=True):
    """Who may call one function: "public", "any key", or the scopes that a key needs."""

    function: str
    service: str
    route: str
    who: str


class Project(msgspec.Struct, frozen=True):
    """All that a target needs to deploy a project; `drain`: seconds for calls in flight.

    `bus`: its URL, "" if it is not known. `root` and `state`: the project's folder and its state
    folder. `sources`: the names in `root` that belong into an image, unless the project has a
    Dockerfile.
    """

    name: str
    environment: str
    deploy: Deploy
    units: tuple[Unit, ...]
    access: tuple[Access, ...]
    drain: float = 30.0
    root: str = ""
    state: str = ""
    sources: tuple[str, ...] = ()
    has_dockerfile: bool = False
    bus: str = ""

    @property
    def namespace(self) -> str:
        """Return the namespace of all resources."""
        return self.deploy.namespace or self.name


def runtime_name(project: str, unit: str, *, canary: bool = False) -> str:
    """Return the name of a unit's runtime: of its Deployment and of its Service."""
    parts = [project, *([unit] if unit else ()), "runtime", *(["canary"] if canary else ())]
    return "-".join(parts).replace("_", "-")


def runtime_targets(
    project: str, units: tuple[Unit, ...], canaries: tuple[str, ...] = (), percent: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return the targets of each service in the form of `[services.<name>] targets`."""
    targets: dict[str, tuple[str, ...]] = {}
    for unit in units:
        stable = f"{runtime_name(project, unit.name)}:8000"
        canary = f"{runtime_name(project, unit.name, canary=True)}:8000={percent}"
        both = (f"{stable}={100 - percent}", canary)
        for service in unit.services:
            targets[service] = both if unit.name in canaries else (stable,)
    return targets
