"""The interface of key stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec


class KeyRecord(msgspec.Struct, frozen=True):
    """An API key as stored: its SHA-256, never the key itself.

    Times are Unix seconds; None: no end. `limits` ("100/second, 5000/day") apply to this key,
    `consumer_limits` to all keys of the consumer together. `quota`: calls in 30 days, 0 for no
    quota. `cidrs`: the networks from which the key may be used, () for all. `plan` and `custom_id`
    are copied from the consumer, "" if it has none.
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
    """The stored values of a consumer, apart from its keys; "" for a value that is not set.

    `limits` apply to all keys of the consumer together. `plan` names a section `[plans.<name>]`.
    `custom_id` is the consumer's id in the operator's own systems. Only the operator reads
    `metadata`.
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
    """Store API keys. Every method raises `neurova.errors.Unavailable` when the store is down."""

    def find(self, digest: bytes) -> KeyRecord | None:
        """Return the key record with this SHA-256, even if the key is revoked or expired."""

    def add(self, record: KeyRecord) -> None:
        """Store a new key."""

    def revoke(self, key_id: str, at: float) -> bool:
        """Revoke a key at `at` (Unix seconds, may be later); return False if it does not exist."""

    def records(self, consumer: str | None = None) -> Sequence[KeyRecord]:
        """Return all keys, or only the keys of one consumer, oldest first."""

    def consumers(self) -> Sequence[ConsumerRecord]:
        """Return all consumers that have a record, ordered by name."""

    def set_consumer(self, consumer: str, **fields: str | Mapping[str, str]) -> None:
        """Set the given fields of a `ConsumerRecord` and keep the others."""

    def add_usage(self, usage: Iterable[Usage]) -> None:
        """Add counts to the stored counts; this does not change `version`."""

    def usage(self, since: str, consumer: str | None = None) -> Sequence[Usage]:
        """Return the usage since a day (inclusive), ordered by the fields of `Usage`."""

    def drop_usage(self, before: str) -> None:
        """Delete the usage of all days before `before`."""

    def touch(self, used: dict[str, float]) -> None:
        """Store the last-use time (Unix seconds) of each key id."""

    def version(self) -> int:
        """Return a number that changes when any process changes a key."""

    def refresh(self) -> None:
        """Read the changes of other processes at once, instead of at the next regular refresh."""

    def close(self) -> None:
        """Close files and connections."""
