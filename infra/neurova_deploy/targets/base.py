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
    """A deployment failed or was refused."""


class Health(NamedTuple):
    """The health of one resource; `reason` says what it waits for or why it failed."""

    state: Literal["ready", "waiting", "failed"]
    reason: str = ""


class Found(NamedTuple):
    """A resource in the target, and the hash of the manifest applied last ("" if unknown)."""

    manifest: dict[str, Any]
    hash: str


class Target(Protocol):
    """A target: it applies resources, and stores the releases and the lock of a deployment."""

    kinds_with_health: frozenset[str]
    """The kinds of resources that `status` shows."""
    kinds_needed: frozenset[str]
    """The kinds that other resources depend on; they are deleted last."""

    def check(self) -> str:
        """Return one line about the target. Raises NeurovaError if the target cannot be used."""

    def read(self) -> Mapping[str, Found]:
        """Return all existing resources of this project, by key."""

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return the manifest that `apply` would store for a resource; change nothing."""

    def apply(self, resource: Resource) -> None:
        """Create a resource, or update it to its manifest."""

    def delete(self, key: str) -> None:
        """Delete a resource, if it exists."""

    def health(self, key: str) -> Health:
        """Return the health of a resource."""

    def heads(self) -> list[Head]:
        """Return the releases, oldest first."""

    def read_content(self, number: int) -> Content:
        """Return the content of a release."""

    def write_release(self, head: Head, content: Content | None = None) -> None:
        """Store a release; without `content`, replace only its head."""

    def forget_releases(self, numbers: Sequence[int]) -> None:
        """Delete releases."""

    def lock(self, who: str) -> None:
        """Take the lock, or extend it. Raises DeployError if another process holds the lock."""

    def unlock(self) -> None:
        """Release the lock, if this process holds it."""


class Provider(Protocol):
    """One kind of target: it renders projects to resources, and opens the target.

    Resource names begin with "<project>-<unit>-", the names of Kong's resources with
    "<project>-kong".
    """

    def variables(self, deploy: Deploy, services: Sequence[str]) -> dict[str, str]:
        """Return the variables of all containers, in addition to the user's `variables`.

        `services`: the names of the project's services.
        """

    def render(self, project: Project, kong: RenderKong) -> tuple[Resource, ...]:
        """Return all resources of a project."""

    def render_canary(
        self, project: Project, kong: RenderKong, stable: Sequence[Resource], percent: int
    ) -> tuple[Resource, ...]:
        """Return the resources of the current release and of a canary beside it.

        `percent`: the percentage of calls that the canary gets. Raises ConfigError if nothing
        differs.
        """

    def write(self, project: Project, resources: Sequence[Resource]) -> str:
        """Return resources as text in the format of the target's own tools."""

    def open(self, project: Project) -> Target:
        """Return the target of a project, without checking it."""
