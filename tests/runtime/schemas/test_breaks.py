"""Each kind of incompatibility in a record, an array, a map and a nested record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from neurova.schemas.compatibility import find_breaks
from neurova.schemas.correction import Peer, correct


def field(type: Any, name: str = "x", **options: Any) -> dict[str, Any]:
    return {"name": name, "type": type, **options}


def enum(*symbols: str, name: str = "h.Kind") -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": symbols}


def logical(type: str, name: str, **options: Any) -> dict[str, Any]:
    return {"type": type, "logicalType": name, **options}


def decimal(scale: int) -> dict[str, Any]:
    return logical("bytes", "decimal", precision=18, scale=scale)


def fixed(size: int) -> dict[str, Any]:
    return {"type": "fixed", "name": "h.Code", "size": size}


A = field("string", "a")
# Old fields, new fields, whether the old schema is the reader, the incompatible path step.
KINDS: dict[str, tuple[list[Any], list[Any], bool, str]] = {
    "removed field": ([A, field("int")], [A], True, "x"),
    "new field without default": ([A], [A, field("int")], False, "x"),
    "renamed field": ([A, field("int")], [A, field("int", "y")], False, "y"),
    "narrowed type": ([field("long")], [field("int")], False, "x"),
    "widened type": ([field("int")], [field("long")], True, "x"),
    "another type": ([field("int")], [field("string")], False, "x"),
    "renamed enum symbol": ([field(enum("A", "B"))], [field(enum("A", "C"))], False, "x"),
    "new enum symbol": ([field(enum("A"))], [field(enum("A", "B"))], True, "x"),
    "changed logical type": (
        [field(logical("long", "timestamp-micros"))],
        [field(logical("long", "timestamp-millis"))],
        False,
        "x",
    ),
    "changed scale": ([field(decimal(9))], [field(decimal(2))], False, "x"),
    "no longer optional": ([field(["null", "int"])], [field("int")], False, "x"),
    "union order": (
        [field(["null", "int"], default=None)],
        [field(["int", "null"], default=None)],
        False,
        "x",
    ),
    "renamed type": ([field(enum("A"))], [field(enum("A", name="h.Sort"))], False, "x"),
    "another size": ([field(fixed(4))], [field(fixed(8))], False, "x"),
}


def guest(fields: list[Any]) -> dict[str, Any]:
    return {"type": "record", "name": "h.Guest", "fields": fields}


def event(*fields: Any) -> str:
    return json.dumps({"type": "record", "name": "h.Made", "fields": fields})


PLACES: dict[str, tuple[Callable[[list[Any]], str], str]] = {
    "record": (lambda fields: event(*fields), ""),
    "array": (
        lambda fields: event(field({"type": "array", "items": guest(fields)}, "rooms")),
        "rooms[].",
    ),
    "map": (
        lambda fields: event(field({"type": "map", "values": guest(fields)}, "names")),
        "names{}.",
    ),
    "nested record": (
        lambda fields: event(field(["null", guest(fields)], "first"), field("h.Guest", "second")),
        "first.",
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_break_has_its_path_and_the_corrected_schema_passes(kind: str, place: str) -> None:
    old_fields, new_fields, old_reads, step = KINDS[kind]
    make, prefix = PLACES[place]
    old, new = make(old_fields), make(new_fields)
    breaks = find_breaks(old, new) if old_reads else find_breaks(new, old)
    assert breaks[0].path == prefix + step
    corrected = correct(new, [Peer(old, old_reads)])
    assert corrected is not None
    assert (find_breaks(old, corrected) if old_reads else find_breaks(corrected, old)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([A], [A, field("int", default=0)]),
        ([A, field("int")], [A]),
        ([field("int")], [field("double")]),
        ([field("int")], [field(["null", "int"], default=None)]),
        ([field(enum("A"))], [field(enum("A", "B"))]),
        ([field(enum("A", "B"))], [field({**enum("A"), "default": "A"})]),
    ],
)
def test_compatible_change_is_no_break(old: list[Any], new: list[Any]) -> None:
    assert find_breaks(event(*new), event(*old)) == []


def test_type_that_contains_itself_is_compared_once() -> None:
    made = [event(field(guest([field(["null", "h.Guest"], "next"), each]))) for each in (A, A)]
    assert find_breaks(*made) == []
