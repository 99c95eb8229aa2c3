"""Choose the columns of a table, also after a field has changed its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from ..errors import NeurovaError
from .base import BATCH, SYSTEM, Column, Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN: dict[str, Kind] = {
    "boolean": "boolean",
    "int": "long",
    "long": "long",
    "float": "double",
    "double": "double",
}
_LOGICAL: dict[str, Kind] = {
    "date": "date",
    "timestamp-micros": "timestamp",
    "timestamp-millis": "timestamp",
    "decimal": "decimal",
}
_SEPARATOR = "__"  # between a column's name and its kind, in columns of a changed type


class UnusableSchema(NeurovaError):
    """Events of this schema cannot be stored in a table."""


def columns_of(schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns of an Avro record. Raises UnusableSchema."""
    columns = tuple(
        Column(field["name"], kind_of(field["type"]), bool(field.get("pii", False)))
        for field in schema["fields"]
    )
    reserved = {each.name for each in (*SYSTEM, BATCH)}
    lower = [each.name.lower() for each in columns]
    for column in columns:
        if column.name.lower() in reserved or lower.count(column.name.lower()) > 1:
            raise UnusableSchema(
                f"field {column.name!r} of {schema['name']} cannot be a column",
                fix=f"rename it: {', '.join(sorted(reserved))} are reserved, in any case",
            )
    return columns


def kind_of(avro: Any) -> Kind:
    """Return the kind of column that holds the values of an Avro type, or null."""
    if isinstance(avro, list):
        kinds = {kind_of(each) for each in avro if each != "null"}
        return kinds.pop() if len(kinds) == 1 else "text"
    if isinstance(avro, dict):
        logical = _LOGICAL.get(avro.get("logicalType", ""))
        return logical or ("text" if "logicalType" in avro else kind_of(avro["type"]))
    return _PLAIN.get(avro, "text")


def place(stored: Iterable[Column], columns: Sequence[Column]) -> dict[str, Column]:
    """Map the name of each column to its stored column, which may not exist yet.

    A column whose type has changed gets an additional stored column, "name__kind".
    """
    kinds = {each.name: each.kind for each in stored}
    placed = {}
    for column in columns:
        name = column.name
        if kinds.get(name, column.kind) != column.kind:
            name = f"{name}{_SEPARATOR}{column.kind}"
        placed[column.name] = column._replace(name=name)
    return placed


def merge(stored: Sequence[Column]) -> dict[str, tuple[Kind, list[str]]]:
    """Map each column of the view to its kind and its stored columns, newest first.

    If the kinds of its stored columns differ, a column of the view is a number if all are numbers,
    otherwise text.
    """
    merged: dict[str, tuple[Kind, list[str]]] = {}
    names = {each.name for each in stored}
    for column in stored:
        base, separator, kind = column.name.rpartition(_SEPARATOR)
        if not separator or kind not in KINDS or base not in names:
            base = column.name
        known, parts = merged.get(base, (column.kind, []))
        merged[base] = (_common(known, column.kind), [column.name, *parts])
    return merged


def _common(one: Kind, other: Kind) -> Kind:
    if one == other:
        return one
    if {one, other} <= {"long", "double", "decimal"}:
        return "double" if "double" in (one, other) else "decimal"
    return "text"


def check_name(name: str) -> str:
    """Return a table or column name if it is safe in a statement.

    Raises UnusableSchema if it is not.
    """
    if not _NAME.fullmatch(name):
        raise UnusableSchema(f"{name!r} is not a valid name", fix="use ASCII letters, digits and _")
    return name


def quote(name: str) -> str:
    """Return a name quoted for a statement."""
    return f'"{check_name(name)}"'
