"""The published JSON Schema of a type, as a checker that names every fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import jsonschema_rs
import msgspec

from ..http.problem import Fault
from .datetimes import ZONED, schema_of

NODES = 2_000
DEPTH = 64
_FORMATS = {
    "date": date,
    "date-time": datetime,
    f"date-time{ZONED}": Annotated[datetime, msgspec.Meta(tz=True)],
    "time": time,
    f"time{ZONED}": Annotated[time, msgspec.Meta(tz=True)],
    "duration": timedelta,
    "uuid": UUID,
    "decimal": Decimal,
    "byte": bytes,
}
# Faults that a cut, not the caller, may have made.
_BY_CUT = frozenset({"Required", "MinItems", "MinProperties", "Contains"})
_NOTHING: Mapping[str, str] = {}
Path = tuple[str | int, ...]


def pointer(path: Iterable[str | int]) -> str:
    """Return a path as a JSON pointer (RFC 6901), at most 200 characters of it."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)[:200]


class Checker:
    """Name every fault of a value by the schema of a type."""

    __slots__ = ("_needed", "_told", "_validator")

    def __init__(self, kind: Any) -> None:
        self._validator: Any = None
        self._needed = 1
        self._told: Mapping[str, str] = {}
        try:
            schema = schema_of(kind)
        except (TypeError, ValueError):
            return  # a type without a schema: msgspec's own fault must do
        rewritten = by_tag(schema)
        if not ambiguous(rewritten):
            self._needed = most_required(rewritten)
            self._told = told(rewritten)
            self._validator = jsonschema_rs.Draft202012Validator(
                rewritten,
                formats={name: _format(kind) for name, kind in _FORMATS.items()},
                validate_formats=True,
                mask="value",
            )

    def faults(self, value: Any, most: int) -> list[Fault]:
        """Return up to `most` faults of a decoded body."""
        if self._validator is None:
            return []
        kept, cuts = cut(value, self._needed)
        try:
            errors = self._validator.iter_errors(kept)
        except ValueError:  # nested deeper than jsonschema-rs goes
            return []
        found: dict[str, Fault] = {}
        for error in errors:
            for fault in named(error, cuts, self._told):
                found.setdefault(fault.pointer, fault)
            if len(found) >= most:
                break
        return list(found.values())[:most]


def _format(kind: Any) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            value = msgspec.convert(text, kind)
        except (msgspec.ValidationError, ValueError):
            return False
        return not isinstance(value, Decimal) or value.is_finite()

    return fits


def told(schema: Any) -> dict[str, str]:
    """Return what the author of a schema says in words of each pattern in it."""
    if isinstance(schema, list):
        return {pattern: said for part in schema for pattern, said in told(part).items()}
    if not isinstance(schema, dict):
        return {}
    found = told(list(schema.values()))
    if isinstance(schema.get("pattern"), str) and isinstance(schema.get("description"), str):
        found[schema["pattern"]] = schema["description"]
    return found


def named(
    error: Any, cuts: frozenset[Path] = frozenset(), told: Mapping[str, str] = _NOTHING
) -> Iterator[Fault]:
    """Yield the faults that one schema error stands for, each at the field it is about."""
    path, kind = tuple(error.instance_path), error.kind
    if path in cuts and type(kind).__name__ in _BY_CUT:
        return
    match type(kind).__name__:
        case "Required":
            yield Fault(pointer((*path, kind.property)), "is required")
        case "AdditionalProperties" | "UnevaluatedProperties":
            for name in kind.unexpected:
                yield Fault(pointer((*path, name)), "is not a known field")
        case "AnyOf" | "OneOf":
            yield from _nearest(path, kind.context, cuts, told)
        case "Pattern" if kind.pattern in told:
            yield Fault(pointer(path), f"must be {told[kind.pattern]}"[:200])
        case _:
            yield Fault(pointer(path), str(error.message)[:200])


def _nearest(
    path: Path, branches: list[list[Any]], cuts: frozenset[Path], told: Mapping[str, str]
) -> Iterator[Fault]:
    """Yield the faults of the one branch that fits by its type, or say that none does."""
    fitting = [
        errors
        for errors in branches
        if not any(
            type(error.kind).__name__ == "Type" and tuple(error.instance_path) == path
            for error in errors
        )
    ]
    if len(fitting) == 1:
        for error in fitting[0]:
            yield from named(error, cuts, told)
        return
    types = {
        name
        for errors in branches
        for error in errors
        if type(error.kind).__name__ == "Type" and tuple(error.instance_path) == path
        for name in error.kind.types
    }
    yield Fault(pointer(path), f"value is none of: {', '.join(sorted(types)) or 'the allowed'}")


def by_tag(schema: Any) -> Any:
    """Return `schema` with each tagged union chosen by its tag, not tried branch by branch.

    A union in a union, all tagged, would else cost two to the power of its depth.
    """
    if isinstance(schema, list):
        return [by_tag(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "discriminator" in schema and "anyOf" in schema:
        rest = {key: by_tag(part) for key, part in schema.items() if key not in _UNION}
        return rest | _chosen(schema["discriminator"], schema["anyOf"])
    return {key: by_tag(part) for key, part in schema.items()}


_UNION = frozenset({"anyOf", "discriminator"})


def _chosen(discriminator: dict[str, Any], branches: list[Any]) -> dict[str, Any]:
    name, mapping = discriminator["propertyName"], discriminator["mapping"]
    tags = {reference: tag for tag, reference in mapping.items()}
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"enum": list(mapping)}},
        "allOf": [
            {
                "if": {"properties": {name: {"enum": [tags[branch["$ref"]]]}}, "required": [name]},
                "then": by_tag(branch),
            }
            for branch in branches
        ],
    }


def ambiguous(schema: dict[str, Any]) -> bool:
    """Tell whether some union has two branches that could both be walked down."""
    definitions = schema.get("$defs", {})

    def nests(part: Any) -> bool:
        found = definitions.get(part.get("$ref", "").removeprefix("#/$defs/"), part)
        return found.get("type") in ("object", "array") or bool(_UNION & found.keys())

    def search(part: Any) -> bool:
        if isinstance(part, list):
            return any(search(item) for item in part)
        if not isinstance(part, dict):
            return False
        branches = part.get("anyOf")
        if isinstance(branches, list):
            kinds = [
                definitions.get(b.get("$ref", "").removeprefix("#/$defs/"), b).get("type", "")
                for b in branches
                if nests(b)
            ]
            if len(kinds) != len(set(kinds)):
                return True
        return any(search(item) for item in part.values())

    return search(schema)


def most_required(schema: Any) -> int:
    """Return how many faults one empty object can give at most."""
    if isinstance(schema, list):
        return max(map(most_required, schema), default=1)
    if not isinstance(schema, dict):
        return 1
    required = schema.get("required")
    own = len(required) if isinstance(required, list) else 1
    return max(own, max(map(most_required, schema.values()), default=1))


def cut(value: Any, needed: int) -> tuple[Any, frozenset[Path]]:
    """Return a copy of at most NODES values and DEPTH levels, and where something is left out.

    An object counts as `needed` values at least, for it may lack as many. It goes level by level,
    and a large one takes half of what is left, so that it does not hide its siblings.
    """
    if not isinstance(value, dict | list):
        return value, frozenset()
    left = NODES
    cuts: set[Path] = set()
    root: Any = type(value)()
    queue: deque[tuple[Path, Any, Any]] = deque([((), value, root)])
    while queue:
        path, source, copy = queue.popleft()
        members: Iterable[tuple[Any, Any]] = (
            source.items() if isinstance(source, dict) else enumerate(source)
        )
        left -= max(1, needed - len(source)) if isinstance(source, dict) else 1
        least = min(left // 2, left - 64)
        for key, member in members:
            if left <= max(least, 0) or len(path) >= DEPTH:
                cuts.add(path)
                break
            left -= 1
            nested = isinstance(member, dict | list)
            kept = type(member)() if nested else member
            if isinstance(source, dict):
                copy[key] = kept
            else:
                copy.append(kept)
            if nested:
                queue.append(((*path, key), member, kept))
    return root, frozenset(cuts)
