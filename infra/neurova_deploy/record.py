"""The records of releases that a target stores: what was deployed, by whom and when."""

from __future__ import annotations

import gzip
from typing import Literal

import msgspec

from .project import Access
from .resource import Resource, content_hash

Status = Literal["applying", "canary", "deployed", "failed", "interrupted"]
KEPT = 10
"""How many releases a target keeps."""


class Head(msgspec.Struct, frozen=True):
    """The metadata of a release.

    `version`: the hash of its resources. `canary`: the percentage of calls that a canary gets, 0 if
    the release is not a canary.
    """

    number: int
    status: Status
    version: str
    who: str
    when: str
    commit: str = ""
    note: str = ""
    canary: int = 0


class Content(msgspec.Struct, frozen=True):
    """The content of a release: its resources, and who may call its functions.

    `promoted`: for a canary, the resources to deploy when it is promoted.
    """

    resources: tuple[Resource, ...]
    access: tuple[Access, ...]
    promoted: tuple[Resource, ...] = ()

    @property
    def version(self) -> str:
        """Return the hash of all resources."""
        return content_hash(sorted((each.key, each.hash) for each in self.resources))

    def encode(self) -> bytes:
        """Return the compressed content; the same content always gives the same bytes."""
        return gzip.compress(msgspec.json.encode(self), 6, mtime=0)

    @staticmethod
    def decode(encoded: bytes) -> Content:
        """Return the content that `encode` encoded."""
        return msgspec.json.decode(gzip.decompress(encoded), type=Content)


def choose_rollback(heads: list[Head], to: int | None = None) -> Head | None:
    """Return the release to roll back to: number `to`, or by default the previous release.

    If a deployment was interrupted, the default is the release that served before it.
    """
    deployed = [each for each in heads if each.status == "deployed"]
    if to is not None:
        return next((each for each in deployed if each.number == to), None)
    serving = latest(heads, "deployed", "canary")
    if serving is None:
        return None
    interrupted = latest(heads, "applying")
    is_half = interrupted is not None and interrupted.number > serving.number
    return latest(heads, "deployed", below=serving.number + is_half)


def latest(heads: list[Head], *statuses: Status, below: int = 1 << 62) -> Head | None:
    """Return the newest release with one of these statuses, and a number below `below`."""
    found = [each for each in heads if each.status in statuses and each.number < below]
    return max(found, key=lambda each: each.number, default=None)
