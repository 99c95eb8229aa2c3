"""What the target needs of each kind of resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from ....resource import Resource
from ...base import DeployError, Health
from ..client import Client
from ..place import TAG, Place


class Context(NamedTuple):
    """The APIs and the names of one deployment."""

    client: Client
    place: Place

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of all resources."""
        return {TAG: self.place.namespace}

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """Return the tags in the form of IAM, SNS and EventBridge."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


class Kind(Protocol):
    """Read, create, change and delete the resources of one kind."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and the manifest of each resource of the deployment."""

    def apply(self, resource: Resource) -> None:
        """Create a resource, or change it."""

    def delete(self, name: str) -> None:
        """Delete a resource. Raises NotFound if it is not there."""

    def health(self, name: str) -> Health:
        """Return the state of a resource."""


class Plain:
    """A kind whose resources are ready as soon as they are there."""

    def __init__(self, context: Context) -> None:
        self._client, self._place, self._context = context.client, context.place, context

    def health(self, name: str) -> Health:
        """Return that it is ready."""
        return Health("ready")


def foreign(key: str) -> DeployError:
    """Return the error for a resource with our name that is not of this deployment."""
    return DeployError(
        "there is one already, which this deployment has not created",
        where=key,
        fix="delete it, or set `namespace` to another name",
    )
