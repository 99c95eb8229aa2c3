"""The description of a project that is deployed: its units, access and settings, without I/O."""

from __future__ import annotations

import msgspec

from neurova.bus.base import Queue
from neurova.functions.schedule import Schedule
from neurova.settings.deploy import Deploy


class Unit(msgspec.Struct, frozen=True):
    """One image with the services in it; each unit is deployed and scaled separately.

    `queues`: the queues of its subscriptions. `migrations`: a hash of its revisions, "" without a
    database. `schedules`: its schedules by function name. `events`: the events that it publishes.
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
    """All data that a target needs to deploy a project.

    `drain`: how many seconds calls in flight may take at a stop. `bus`: the URL of the bus, "" if
    unknown. `root` and `state`: the project's folder and its state folder. `sources`: the files and
    folders in `root` to copy into an image; empty if the project has a Dockerfile.
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
    """Return the name of a unit's runtime, which its Deployment and its Service share."""
    parts = [project, *([unit] if unit else ()), "runtime", *(["canary"] if canary else ())]
    return "-".join(parts).replace("_", "-")


def runtime_targets(
    project: str, units: tuple[Unit, ...], canaries: tuple[str, ...] = (), percent: int = 0
) -> dict[str, tuple[str, ...]]:
    """Return the targets of each service, in the format of `[services.<name>] targets`."""
    targets: dict[str, tuple[str, ...]] = {}
    for unit in units:
        stable = f"{runtime_name(project, unit.name)}:8000"
        canary = f"{runtime_name(project, unit.name, canary=True)}:8000={percent}"
        both = (f"{stable}={100 - percent}", canary)
        for service in unit.services:
            targets[service] = both if unit.name in canaries else (stable,)
    return targets
