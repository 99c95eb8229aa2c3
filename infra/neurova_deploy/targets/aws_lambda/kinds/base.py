"""The interface of a kind of resource, such as functions or queues."""

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
        """Return the tags in the format of IAM, SNS and EventBridge."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


class Kind(Protocol):
    """Read, create, change and delete the resources of one kind."""

    def read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the name and the manifest of each resource of the deployment."""

    def apply(self, resource: Resource) -> None:
        """Create or update a resource."""

    def delete(self, name: str) -> None:
        """Delete a resource. Raises NotFound if it does not exist."""

    def health(self, name: str) -> Health:
        """Return the health of a resource."""


class Plain:
    """A kind whose resources are ready as soon as they exist."""

    def __init__(self, context: Context) -> None:
        self._client, self._place, self._context = context.client, context.place, context

    def health(self, name: str) -> Health:
        """Return that the resource is ready."""
        return Health("ready")


def foreign(key: str) -> DeployError:
    """Return the error for a resource that has our name but belongs to another deployment."""
    return DeployError(
        "there is one already, which this deployment has not created",
        where=key,
        fix="delete it, or set `namespace` to another name",
    )
