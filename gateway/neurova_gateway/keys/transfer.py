"""Export and import keys as JSON lines, which contain digests instead of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from .base import ConsumerRecord, KeyRecord, KeyStore
from .issuer import check_name, normalize_limits

_OF_CONSUMER = ("consumer_limits", "plan", "custom_id")
_SHA256_BYTES = 32


class Imported(msgspec.Struct, frozen=True):
    """The result of an import: the numbers of new keys, new consumers and existing keys."""

    keys: int = 0
    consumers: int = 0
    present: int = 0


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line: a consumer or a key; `digest` is the SHA-256 in base64."""

    kind: Literal["consumer", "key"]
    value: dict[str, Any]


def export_lines(store: KeyStore) -> Iterator[str]:
    """Yield a line for each consumer, then for each key."""
    for consumer in store.consumers():
        yield _encode("consumer", msgspec.to_builtins(consumer))
    for record in store.records():
        fields = msgspec.to_builtins(record)
        for name in _OF_CONSUMER:
            fields.pop(name)
        fields["scopes"] = sorted(record.scopes)
        yield _encode("key", {name: value for name, value in fields.items() if value is not None})


def import_lines(store: KeyStore, lines: Iterable[str]) -> Imported:
    """Add the consumers and keys of an export; existing keys are not changed.

    All lines are checked before anything is written. Raises ValueError with the line number.
    """
    consumers: list[ConsumerRecord] = []
    records: list[KeyRecord] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = _decode(line)
        except (ValueError, msgspec.MsgspecError) as error:
            raise ValueError(f"line {number}: {error}") from None
        (consumers if isinstance(found, ConsumerRecord) else records).append(found)  # type: ignore[arg-type]  # by its kind
    known = {record.key_id for record in store.records()}
    for consumer in consumers:
        fields = msgspec.structs.asdict(consumer)
        store.set_consumer(fields.pop("consumer"), **fields)
    new = [record for record in records if record.key_id not in known]
    for record in new:
        store.add(record)
    return Imported(len(new), len(consumers), len(records) - len(new))


def _encode(kind: Literal["consumer", "key"], value: dict[str, Any]) -> str:
    return msgspec.json.encode(_Line(kind, value)).decode()


def _decode(line: str) -> ConsumerRecord | KeyRecord:
    parsed = msgspec.json.decode(line, type=_Line)
    if parsed.kind == "consumer":
        consumer = msgspec.convert(parsed.value, ConsumerRecord)
        check_name(consumer.consumer, "consumer")
        normalize_limits(consumer.limits)
        return consumer
    record = msgspec.convert(parsed.value, KeyRecord)
    check_name(record.consumer, "consumer")
    normalize_limits(record.limits)
    if len(record.digest) != _SHA256_BYTES:
        raise ValueError("digest: write the 32 bytes of a SHA-256 in base64")
    return record
