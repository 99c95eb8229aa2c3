"""Find the changes of an Avro schema that break its readers.

The `avro` package decides whether a reader's schema can read data written with another schema; this
module finds the places that break. A changed logical type is also a break, because readers would
misinterpret the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .base import InvalidSchema, Level

LOGICAL = "neurova-logical-type"  # `avro` ignores a changed logicalType; compare it here


class Break(NamedTuple):
    """A place where a reader's schema cannot read a writer's: `rooms[].guest.age`, and why.

    `steps` is the path to the place in both schemas: names of fields, "[]" for items and "{}" for
    values of maps. `kind` is one of "field", "symbols", "logical", "name", "union" and "type".
    """

    steps: tuple[str, ...]
    kind: str
    what: str

    @property
    def path(self) -> str:
        """Return the place as text, "" for the schema itself."""
        text = ""
        for step in self.steps:
            text += step if step in ("[]", "{}") else f".{step}" if text else step
        return text


def find_breaks(reader: str, writer: str, *, types: Sequence[str] = ()) -> list[Break]:
    """Return the places where the schema `reader` cannot read data written with `writer`.

    `types`: the schemas that both refer to. Raises InvalidSchema.
    """
    return list(dict.fromkeys(_Walk().compare(parse(reader, types), parse(writer, types), ())))


def find_level_breaks(
    schema: str, earlier: Sequence[str], level: Level, *, types: Sequence[str] = ()
) -> Iterator[tuple[int, Break]]:
    """Yield the breaks of a new version, each with the index of the earlier version it breaks."""
    if level == "NONE" or not earlier:
        return
    compared = range(len(earlier)) if level.endswith("_TRANSITIVE") else [len(earlier) - 1]
    for index in compared:
        if level.startswith(("BACKWARD", "FULL")):
            for each in find_breaks(schema, earlier[index], types=types):
                yield index, each
        if level.startswith(("FORWARD", "FULL")):
            for each in find_breaks(earlier[index], schema, types=types):
                yield index, each


def parse(schema: str, types: Iterable[str] = ()) -> Any:
    """Return a schema as the `avro` package parses it. Raises InvalidSchema."""
    import fastavro
    from avro.name import Names
    from avro.schema import make_avsc_object

    try:
        named: dict[str, Any] = {}
        names = Names()
        for each in types:
            definition = json.loads(each)
            fastavro.parse_schema(definition, named_schemas=named)
            make_avsc_object(_hide_logical_types(definition), names)
        definition = json.loads(schema)
        fastavro.parse_schema(definition, named_schemas=named)  # it checks defaults
        return make_avsc_object(_hide_logical_types(definition), names)
    except Exception as error:  # both packages raise many types of errors
        raise InvalidSchema(
            f"not a valid Avro schema: {error}", fix="see the Avro specification 1.12"
        ) from error


def _hide_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_hide_logical_types(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        LOGICAL if key == "logicalType" else key: value
        if key in ("default", "symbols", "aliases")
        else _hide_logical_types(value)
        for key, value in schema.items()
    }


class _Walk:
    """Walk through a reader's and a writer's schema side by side."""

    def __init__(self) -> None:
        self._compared: set[tuple[int, int]] = set()

    def compare(self, reader: Any, writer: Any, steps: tuple[str, ...]) -> Iterator[Break]:
        """Yield the breaks at and below a place."""
        if (id(reader), id(writer)) in self._compared:
            return  # a recursive type
        self._compared.add((id(reader), id(writer)))
        if "union" in (reader.type, writer.type):
            yield from self._compare_unions(reader, writer, steps)
        elif reader.type != writer.type:
            if not _can_read(reader, writer):
                yield Break(steps, "type", f"{writer.type} cannot be read as {reader.type}")
        elif reader.type == "record":
            yield from self._compare_records(reader, writer, steps)
        elif reader.type == "array":
            yield from self.compare(reader.items, writer.items, (*steps, "[]"))
        elif reader.type == "map":
            yield from self.compare(reader.values, writer.values, (*steps, "{}"))
        elif not _can_read(reader, writer):
            yield _describe_named(reader, writer, steps)
        if reader.type == writer.type and (logical := _compare_logical_types(reader, writer)):
            yield Break(steps, "logical", logical)

    def _compare_records(self, reader: Any, writer: Any, steps: tuple[str, ...]) -> Iterator[Break]:
        found = []
        for field in reader.fields:
            written = _find_field(writer, field)
            place = (*steps, field.name)
            if not _default_fits(field):
                found.append(Break(place, "union", "its default is not of the union's first type"))
            if written is not None:
                found += self.compare(field.type, written.type, place)
            elif not field.has_default:
                found.append(Break(place, "field", "field without a default, which is not written"))
        if not found and not _can_read(reader, writer):
            found.append(Break(steps, "name", f"record {writer.name} is now {reader.name}"))
        yield from found

    def _compare_unions(self, reader: Any, writer: Any, steps: tuple[str, ...]) -> Iterator[Break]:
        branches = writer.schemas if writer.type == "union" else [writer]
        options = reader.schemas if reader.type == "union" else [reader]
        for branch in branches:
            same = [each for each in options if each.type == branch.type]
            if len(same) == 1:
                yield from self.compare(same[0], branch, steps)
            elif not _can_read(reader, branch):
                yield Break(steps, "type", f"{branch.type} cannot be read as {_list(options)}")


def _can_read(reader: Any, writer: Any) -> bool:
    from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # it has no hints
    result = checker.get_compatibility(reader, writer)
    return result.compatibility is SchemaCompatibilityType.compatible


def _default_fits(field: Any) -> bool:
    """Return whether the default of a field fits the first type of its union: both null or neither.

    Clients for Avro before 1.12 refuse other defaults.
    """
    if field.type.type != "union" or not field.has_default:
        return True
    is_null: bool = field.type.schemas[0].type == "null"
    return (field.default is None) == is_null


def _find_field(writer: Any, field: Any) -> Any:
    from avro.compatibility import lookup_writer_field

    return lookup_writer_field(writer, field)


def _describe_named(reader: Any, writer: Any, steps: tuple[str, ...]) -> Break:
    missing = [each for each in getattr(writer, "symbols", ()) if each not in reader.symbols]
    if missing:
        return Break(steps, "symbols", f"enum {reader.name} lacks {', '.join(missing)}")
    if reader.name != writer.name:
        return Break(steps, "name", f"{writer.type} {writer.name} is now {reader.name}")
    return Break(steps, "type", f"{writer.type} {writer.name} has another size")


def _compare_logical_types(reader: Any, writer: Any) -> str:
    """Return how a logical type differs, "" if readers get the same values."""
    old, new = ([each.props.get(key) for key in _LOGICAL_KEYS] for each in (writer, reader))
    if old[:2] == new[:2] and (new[2] or 0) >= (old[2] or 0):
        return ""
    return f"logical type {_name_logical(old)} is now {_name_logical(new)}"


_LOGICAL_KEYS = (LOGICAL, "scale", "precision")


def _name_logical(values: list[Any]) -> str:
    name, scale, precision = values
    return f"decimal({precision}, {scale or 0})" if name == "decimal" else str(name or "none")


def _list(schemas: Sequence[Any]) -> str:
    return " or ".join(each.type for each in schemas)
