"""Make a schema compatible with others by changing only the places that break."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from .compatibility import Break, find_breaks

_ROUNDS = 50
_KINDS = {"[]": "array", "{}": "map"}


class Peer(NamedTuple):
    """Another schema. `reads`: it must read data of the corrected schema, else the reverse."""

    schema: str
    reads: bool


def correct(schema: str, peers: Sequence[Peer]) -> str | None:
    """Return the schema, changed to be compatible with all peers; None if that is impossible."""
    for _ in range(_ROUNDS):
        found = next(_find(schema, peers), None)
        if found is None:
            return schema
        changed = _Correction(schema, found[1].schema).apply(found[0], reads=found[1].reads)
        if changed in (None, schema):
            return None
        schema = str(changed)
    return None


def _find(schema: str, peers: Sequence[Peer]) -> Any:
    for peer in peers:
        reader, writer = (peer.schema, schema) if peer.reads else (schema, peer.schema)
        for each in find_breaks(reader, writer):
            yield each, peer


class _Correction:
    """Change one place of a schema so that it fits another one."""

    def __init__(self, schema: str, other: str) -> None:
        self._root: dict[str, Any] = {"type": _canonical(schema)}
        self._other: dict[str, Any] = {"type": _canonical(other)}
        self._types = _named(self._root["type"])
        self._other_types = _named(self._other["type"])

    def apply(self, found: Break, *, reads: bool) -> str | None:
        """Return the changed schema as JSON, None if the place is not found."""
        here = self._locate(self._root, self._types, found.steps)
        there = self._locate(self._other, self._other_types, found.steps)
        if found.kind == "field" and reads and there is not None:
            record = self._locate(self._root, self._types, found.steps[:-1])
            definition = record and _pick(record["type"], "record", self._types)
            if definition is None:
                return None
            definition["fields"].append(dict(there))
        elif here is None:
            return None
        elif found.kind in ("field", "union"):
            self._make_optional(here)
        elif there is None:
            return None
        elif found.kind == "symbols" and not reads:
            _add_symbols(
                _pick(here["type"], "enum", self._types),
                _pick(there["type"], "enum", self._other_types),
            )
        else:
            self._restore(here, there)
        types = {**self._other_types, **self._types}
        return json.dumps(_normalise(self._root["type"], types, set()))

    def _make_optional(self, field: dict[str, Any]) -> None:
        """Make a field optional: with the default null, or with its default and null last."""
        options = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if field.get("default") is None:
            field["type"] = ["null", *(each for each in options if each != "null")]
            field["default"] = None
        else:
            field["type"] = sorted(options, key=lambda each: each == "null")

    def _restore(self, here: dict[str, Any], there: dict[str, Any]) -> None:
        """Replace the type at `here` by the type at `there`."""
        old = there["type"]
        for name in _named(old) if not isinstance(old, str) else [old]:
            if name in self._other_types:
                self._types[name] = self._other_types[name]
        here["type"] = old
        if "name" in there:  # a field
            here.pop("default", None)
            here.update({key: there[key] for key in ("default",) if key in there})

    def _locate(
        self, root: dict[str, Any], types: dict[str, Any], steps: Sequence[str]
    ) -> dict[str, Any] | None:
        """Return the field or `_Item` at a place, which holds its type under the key "type"."""
        place: dict[str, Any] | None = root
        for step in steps:
            if place is None:
                return None
            found = _pick(place["type"], _KINDS.get(step, "record"), types)
            if found is None:
                return None
            if step in _KINDS:
                place = _Item(found, "items" if step == "[]" else "values")
            else:
                place = next((each for each in found["fields"] if each["name"] == step), None)
        return place


class _Item(dict[str, Any]):
    """The type of an array's or a map's items, under the key "type"."""

    def __init__(self, holder: dict[str, Any], key: str) -> None:
        super().__init__(type=holder[key])
        self._holder, self._key = holder, key

    def __setitem__(self, _: str, value: Any) -> None:
        super().__setitem__("type", value)
        self._holder[self._key] = value


def _pick(schema: Any, kind: str, types: dict[str, Any]) -> Any:
    """Return the definition of this kind: the schema itself, or one type of a union."""
    for each in schema if isinstance(schema, list) else [schema]:
        found = types.get(each) if isinstance(each, str) else each
        if isinstance(found, dict) and found.get("type") == kind:
            return found
    return None


def _add_symbols(here: Any, there: Any) -> None:
    if here is not None and there is not None:
        missing = [each for each in there["symbols"] if each not in here["symbols"]]
        here["symbols"] = [*here["symbols"], *missing]


def _canonical(schema: str) -> Any:
    """Return a schema with full names everywhere."""
    import fastavro

    return _strip(fastavro.parse_schema(json.loads(schema)))


def _strip(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strip(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _strip(value) for key, value in schema.items() if not key.startswith("__")}


def _named(schema: Any) -> dict[str, Any]:
    """Return the definitions of named types in a schema."""
    found: dict[str, Any] = {}
    for each in schema if isinstance(schema, list) else [schema]:
        if isinstance(each, dict):
            if each.get("type") in ("record", "enum", "fixed"):
                found[each["name"]] = each
            inner = [field["type"] for field in each.get("fields", ())]
            inner += [each[key] for key in ("items", "values") if key in each]
            for one in inner:
                found |= _named(one)
    return found


def _normalise(schema: Any, types: dict[str, Any], defined: set[str]) -> Any:
    """Define each named type where it is used first."""
    if isinstance(schema, list):
        return [_normalise(each, types, defined) for each in schema]
    if isinstance(schema, str):
        is_type = schema in types and schema not in defined
        return _normalise(types[schema], types, defined) if is_type else schema
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("record", "enum", "fixed"):
        name = schema["name"]
        if name in defined:
            return name
        defined.add(name)
        schema = types.get(name, schema)
    made = dict(schema)
    if "fields" in made:
        made["fields"] = [
            {**each, "type": _normalise(each["type"], types, defined)} for each in made["fields"]
        ]
    for key in ("items", "values"):
        if key in made:
            made[key] = _normalise(made[key], types, defined)
    return made
