"""Replace the values of an encoded event, and check them against its writer's schema."""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import BytesIO
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import msgspec
from msgspec import Meta

from .codec import HEAD, KEPT, FindSchema, InvalidEvent, check_size, parse_schema, writer_schema

_PLAIN: dict[str, Any] = {
    "null": None,
    "boolean": bool,
    "int": Annotated[int, Meta(ge=-(2**31), lt=2**31)],
    "long": Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)],
    "float": float,
    "double": float,
    "string": str,
    "bytes": bytes,
    "date": datetime.date,
    "time-micros": datetime.time,
    "timestamp-micros": Annotated[datetime.datetime, Meta(tz=True)],
    "uuid": UUID,
    "decimal": Decimal,
}


def replace_values(body: bytes, values: object, find_schema: FindSchema) -> bytes:
    """Return an encoded event with new values: JSON builtins, one for each field of the schema.

    Raises InvalidEvent, which names the invalid field, or UndecodableEvent if the schema is
    unknown.
    """
    import fastavro

    schema = writer_schema(body, find_schema)
    try:
        checked = msgspec.convert(values, _Types().find(msgspec.json.decode(schema)))
        output = BytesIO()
        output.write(body[:HEAD])
        builtins = msgspec.to_builtins(checked, builtin_types=KEPT, str_keys=True)
        fastavro.schemaless_writer(output, parse_schema(schema), builtins)
    except Exception as error:
        raise InvalidEvent(
            f"the values do not fit the event's schema: {error}",
            fix="keep every field, with a value of its type",
        ) from None
    return check_size(output.getvalue(), "event")


class _Types:
    """Create a type from an Avro schema, with which msgspec checks values."""

    def __init__(self) -> None:
        self._named: dict[str, Any] = {}

    def find(self, schema: Any) -> Any:
        """Return the type of a schema."""
        if isinstance(schema, str):
            return self._named[schema] if schema in self._named else _PLAIN[schema]
        if isinstance(schema, list):
            return Union[tuple(map(self.find, schema))]  # noqa: UP007 - the types are values
        if schema.get("logicalType") in _PLAIN:
            return _PLAIN[schema["logicalType"]]
        make = {"record": self._record, "enum": self._enum, "array": self._array, "map": self._map}
        kind = schema["type"]
        return make[kind](schema) if kind in make else self.find(kind)

    def _enum(self, schema: dict[str, Any]) -> Any:
        made = self._named[schema["name"]] = Literal[tuple(schema["symbols"])]
        return made

    def _array(self, schema: dict[str, Any]) -> Any:
        item = self.find(schema["items"])
        return list[item]  # type: ignore[valid-type]  # a computed type

    def _map(self, schema: dict[str, Any]) -> Any:
        value = self.find(schema["values"])
        return dict[str, value]  # type: ignore[valid-type]  # a computed type

    def _record(self, schema: dict[str, Any]) -> Any:
        # Inside itself the record is Any: only the encoder checks a recursive record.
        self._named[schema["name"]] = Any
        # Use neutral names, because a field may have a Python keyword as its name.
        names = {f"f{number}": each["name"] for number, each in enumerate(schema["fields"])}
        fields = [
            (name, self.find(each["type"]))
            for name, each in zip(names, schema["fields"], strict=True)
        ]
        made = msgspec.defstruct(
            schema["name"].rpartition(".")[2], fields, rename=names, forbid_unknown_fields=True
        )
        self._named[schema["name"]] = made
        return made
