"""What the engine needs of a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from neurova.errors import NeurovaError

from ..record import Content, Head
from ..resource import Resource


class DeployError(NeurovaError):
    """A deployment failed or was refused; what served before still serves."""


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

    def check(self) -> None:
        """Raise NeurovaError if the target cannot be used."""

    def read(self) -> Mapping[str, Found]:
        """Return all resources of this project that are there, by key."""

    def preview(self, resource: Resource) -> dict[str, Any]:
        """Return what `apply` would make of a resource, and change nothing."""

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
