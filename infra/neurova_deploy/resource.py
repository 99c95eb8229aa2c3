"""One resource of a deployment, with the hash of its content."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from functools import cached_property
from typing import Any

import msgspec


class Stage(IntEnum):
    """The order in which resources are applied; a stage must be healthy before the next begins.

    Only targets that also run databases and brokers use SECRETS and SERVERS.
    """

    SECRETS = -2
    SERVERS = -1
    BASE = 0
    MIGRATION = 1
    RUNTIME = 2
    SCALING = 3
    GATEWAY = 4


class Resource(msgspec.Struct, frozen=True, dict=True):
    """A wanted resource, in the format of its target.

    `is_fixed`: the resource is created once and never changed, like a Job or a generated key.
    """

    kind: str
    name: str
    stage: Stage
    manifest: dict[str, Any]
    is_fixed: bool = False

    @property
    def key(self) -> str:
        """Return the kind and name, which identify the resource in a deployment."""
        return f"{self.kind}/{self.name}"

    @cached_property
    def hash(self) -> str:
        """Return the hash of the content."""
        return content_hash(self.manifest)


def content_hash(*parts: Any) -> str:
    """Return a hash of a JSON value, independent of the order of keys."""
    encoded = msgspec.json.encode(parts, order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:12]
