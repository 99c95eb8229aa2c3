"""The interface of key stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec


class KeyRecord(msgspec.Struct, frozen=True):
    """An API key as stored: its SHA-256, never the key itself.

    Times are Unix seconds; None: no end. `limits` ("100/second, 5000/day") apply to this key,
    `consumer_limits` to all keys of the consumer together; `quota` is calls in 30 days, 0 for none;
    `cidrs` are the networks from which it may be used, () for all. `plan` and `custom_id` are those
    of the consumer, "" for none.
    """

    key_id: str
    consumer: str
    environment: str
    scopes: frozenset[str]
    created_at: float
    digest: bytes = b""
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    limits: str = ""
    consumer_limits: str = ""
    plan: str = ""
    custom_id: str = ""
    quota: int = 0
    cidrs: tuple[str, ...] = ()
    name: str = ""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "digest"]

    def __repr__(self) -> str:
        return (
            f"KeyRecord({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"
        )


class ConsumerRecord(msgspec.Struct, frozen=True):
    """What is stored about a consumer, apart from its keys.

    `limits` apply to all its keys together, `plan` names a section `[plans.<name>]`, `custom_id` is
    its id in the operator's own systems, `metadata` is for the operator alone; "" for none.
    """

    consumer: str
    limits: str = ""
    plan: str = ""
    custom_id: str = ""
    metadata: Mapping[str, str] = {}


class Usage(msgspec.Struct, frozen=True, order=True):
    """The calls of one key to one function on one day (UTC, like "2026-11-30").

    `refused` counts the answers 400 to 499, `failed` those from 500.
    """

    day: str
    consumer: str
    key_id: str
    function: str
    calls: int = 0
    refused: int = 0
    failed: int = 0


class KeyStore(Protocol):
    """Keep API keys. Every method raises `neurova.errors.Unavailable` when the store is down."""

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the record of the key with that SHA-256, revoked and expired ones too."""

    def add(self, record: KeyRecord) -> None:
        """Store a new key."""

    def revoke(self, key_id: str, at: float) -> bool:
        """End a key at `at` (Unix seconds, may be in the future); False if there is no such key."""

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or those of one consumer, oldest first."""

    def consumers(self) -> Sequence[ConsumerRecord]:
        """Return the consumers about which something is stored, by name."""

    def set_consumer(self, consumer: str, **fields: str | Mapping[str, str]) -> None:
        """Set some fields of a `ConsumerRecord`, and leave the others as they are."""

    def add_usage(self, usage: Iterable[Usage]) -> None:
        """Add the counts to those that are stored; this does not change `version`."""

    def usage(self, since: str, consumer: str | None = None) -> Sequence[Usage]:
        """Return the usage from a day on, in order of the fields."""

    def drop_usage(self, before: str) -> None:
        """Delete the usage of the days before a day."""

    def touch(self, used: dict[str, float]) -> None:
        """Store when keys were last used: key id to Unix seconds."""

    def version(self) -> int:
        """Return a number that changes when any process changes a key."""

    def refresh(self) -> None:
        """Read what other processes have changed, now instead of soon."""

    def close(self) -> None:
        """Close files and connections."""
