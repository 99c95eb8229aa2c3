"""Encode and decode events in Confluent's wire format.

An event on the wire consists of a head and an Avro record. The head is a zero byte and the id of
the writer's schema in the registry (4 bytes, big endian). The publisher writes the record and its
schema into the outbox; the relay registers the schema and adds the head.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from typing import Any, Generic, NamedTuple

import msgspec

from ..errors import NeurovaError
from .avro_schema import avro_schema, has_plain_fields
from .event import MAX_SIZE, AnyEvent, Event, event_name

_HEAD = struct.Struct(">BI")
HEAD = _HEAD.size
"""The size of the head before the Avro record."""
KEPT = (datetime, date, time, Decimal, bytes)  # types that fastavro encodes itself

FindSchema = Callable[[int], str]
"""Return the Avro schema (JSON) with an id. Raises UndecodableEvent if it is unknown."""


class UndecodableEvent(NeurovaError):
    """An event cannot be decoded; a retry would not help."""


class InvalidEvent(NeurovaError):
    """An event cannot be published."""


class Encoded(NamedTuple):
    """An event as an Avro record, and the JSON of its schema."""

    name: str
    body: bytes
    schema: str


class EventCodec(Generic[AnyEvent]):
    """Encode and decode one event class."""

    def __init__(self, event: type[AnyEvent]) -> None:
        import fastavro  # slow to import, and not needed in projects without events

        self.event = event
        self.name = event_name(event)
        definition = avro_schema(event)
        self.schema = msgspec.json.encode(definition, order="sorted").decode()
        self._parsed = parse_schema(self.schema)
        self._write = fastavro.schemaless_writer
        # For plain fields `asdict` is twice as fast as `to_builtins`, with the same result.
        self._to_values = msgspec.structs.asdict if has_plain_fields(event) else _to_builtins

    def encode(self, event: Event) -> Encoded:
        """Return an event as an Avro record.

        Raises InvalidEvent if a value does not fit its type, or if the event is too large.
        """
        output = BytesIO()
        try:
            values = self._to_values(event)
            self._write(output, self._parsed, values)
        except Exception as error:
            raise InvalidEvent(
                f"event {self.name} cannot be encoded: {error}",
                fix="give each field a value of its annotated type; a Decimal may have 29 digits "
                "before and 9 after the point",
            ) from error
        body = output.getvalue()
        if len(body) > MAX_SIZE:
            check_size(body, f"event {self.name}")
        return Encoded(self.name, body, self.schema)

    def decode(self, body: bytes, find_schema: FindSchema) -> AnyEvent:
        """Decode an event, and convert it from the writer's schema to this class.

        Raises UndecodableEvent.
        """
        values = decode_values(body, find_schema, self._parsed)
        try:
            return msgspec.convert(values, self.event, strict=False, str_keys=True)
        except msgspec.ValidationError as error:
            raise UndecodableEvent(f"event {self.name} is not valid: {error}") from error


def _to_builtins(event: Event) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(event, builtin_types=KEPT, str_keys=True)
    return values


def decode_values(body: bytes, find_schema: FindSchema, reader: Any = None) -> Any:
    """Return the values of an event as a dict; convert them to the parsed schema `reader`.

    Raises UndecodableEvent.
    """
    writer = parse_schema(writer_schema(body, find_schema))
    data = BytesIO(body)
    data.seek(HEAD)
    try:
        values = _load_reader()(data, writer, reader)
    except Exception as error:
        raise UndecodableEvent(f"the event does not fit its schema: {error!r}") from error
    if data.read(1):
        raise UndecodableEvent("bytes follow the end of the event")
    return values


def writer_schema(body: bytes, find_schema: FindSchema) -> str:
    """Return the schema (JSON) with which an event was encoded. Raises UndecodableEvent."""
    return find_schema(schema_id(body))


def schema_id(body: bytes) -> int:
    """Return the id of the schema with which an event was encoded. Raises UndecodableEvent."""
    if len(body) < HEAD or body[0] != 0:
        raise UndecodableEvent("the message is not an encoded event")
    return int(_HEAD.unpack_from(body)[1])


def with_head(schema_id: int, record: bytes) -> bytes:
    """Add the head to an Avro record."""
    return _HEAD.pack(0, schema_id) + record


def check_size(body: bytes, name: str) -> bytes:
    """Return `body` unchanged. Raises InvalidEvent if it is too large."""
    if len(body) > MAX_SIZE:
        raise InvalidEvent(
            f"{name} has {len(body)} bytes, the maximum is {MAX_SIZE}",
            fix="store large data elsewhere and publish a reference to it",
        )
    return body


@lru_cache(maxsize=1)
def _load_reader() -> Callable[..., Any]:
    """Return fastavro's reader; cached, because an `import` in each call is slower."""
    import fastavro

    reader: Callable[..., Any] = fastavro.schemaless_reader
    return reader


@lru_cache(maxsize=1024)
def parse_schema(schema: str) -> Any:
    """Return the parsed form of a schema's JSON."""
    import fastavro

    return fastavro.parse_schema(msgspec.json.decode(schema))


@lru_cache(maxsize=1024)
def codec_of(event: type[AnyEvent]) -> EventCodec[AnyEvent]:
    """Return the codec of an event class. Raises LoadError if it has no Avro schema."""
    return EventCodec(event)
