"""The interfaces of targets and their providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from neurova.errors import NeurovaError
from neurova.settings.deploy import Deploy

from ..project import Project
from ..record import Content, Head
from ..resource import Resource

RenderKong = Callable[[Mapping[str, tuple[str, ...]]], dict[str, Any]]
"""Return Kong's configuration for the targets of each service."""


class DeployError(NeurovaError):
    """A deployment failed or was refused; the previous release still serves."""


class Health(NamedTuple):
    """The state of one resource, and what it waits for or why it failed."""

    state: Literal["ready", "waiting", "failed"]
    reason: str = ""


class Found(NamedTuple):
    """A resource in the target, and the hash of what was applied last ("" if unknown)."""

    manifest: dict[str, Any]
    hash: str


class Target(Protocol):
    """Where resources are applied, and where the state of the deployment is."""

    kinds_with_health: frozenset[str]
    """The kinds of resources that `status` shows."""
    kinds_needed: frozenset[str]
    """The kinds that others need, which are deleted last."""

    def check(self) -> str:
        """Return what was found. Raises NeurovaError if the target cannot be used."""

    def read(self) -> Mapping[str, Found]:
        """Return all resources of this project that are there, by key."""

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return what `apply` would store for a resource, without changing it."""

    def apply(self, resource: Resource) -> None:
        """Create a resource, or change it to what is wanted."""

    def delete(self, key: str) -> None:
        """Delete a resource, if it is there."""

    def health(self, key: str) -> Health:
        """Return the state of a resource."""

    def heads(self) -> list[Head]:
        """Return the releases, oldest first."""

    def read_content(self, number: int) -> Content:
        """Return the resources of a release."""

    def write_release(self, head: Head, content: Content | None = None) -> None:
        """Store a release; without `content` only its head is replaced."""

    def forget_releases(self, numbers: Sequence[int]) -> None:
        """Delete releases."""

    def lock(self, who: str) -> None:
        """Take the lock of the deployment, or extend it. Raises DeployError if another has it."""

    def unlock(self) -> None:
        """Release the lock, if this process has it."""


class Provider(Protocol):
    """One kind of target: it renders projects to resources, and opens the target.

    The names of resources begin with "<project>-<unit>-"; those of Kong with "<project>-kong".
    """

    def variables(self, deploy: Deploy, services: Sequence[str]) -> dict[str, str]:
        """Return the settings that all containers have, beside the user's `variables`.

        `services`: the names of the services of the project.
        """

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return all resources of a project."""

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Return the release that serves and a canary beside it.

        `percent`: of the calls, for the canary. Raises ConfigError if nothing differs.
        """

    def write(self, project: Project, resources: Sequence[Resource]) -> str:
        """Return resources in the form of the target's own tools."""

    def open(self, project: Project) -> Target:
        """Return the target of a project, not checked yet."""
