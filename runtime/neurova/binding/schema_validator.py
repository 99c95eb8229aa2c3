"""Find all faults of a value with the JSON Schema of its type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import jsonschema_rs
import msgspec

from ..http.problem import Fault
from .datetime_formats import ZONED, validation_schema
from .schema_bounds import Path, choose_by_tag, is_ambiguous, most_required, truncate

LONGEST_TEXT = 200
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
# Schema errors to ignore in a truncated value: the truncation may have caused them.
_BY_TRUNCATION = frozenset({"Required", "MinItems", "MinProperties", "Contains"})


def json_pointer(path: Iterable[str | int]) -> str:
    """Return a path as a JSON pointer (RFC 6901), cut to LONGEST_TEXT characters."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps)[:LONGEST_TEXT]


def pattern_descriptions(schema: Any) -> dict[str, str]:
    """Return the description of each pattern in a schema."""
    if isinstance(schema, list):
        return {key: text for part in schema for key, text in pattern_descriptions(part).items()}
    if not isinstance(schema, dict):
        return {}
    descriptions = pattern_descriptions(list(schema.values()))
    if isinstance(schema.get("pattern"), str) and isinstance(schema.get("description"), str):
        descriptions[schema["pattern"]] = schema["description"]
    return descriptions


class SchemaValidator:
    """Find all faults of a value with the schema of a type.

    Finds no faults if the type has no schema, or a union whose validation time is unbounded.
    """

    __slots__ = ("_descriptions", "_required", "_validator")

    def __init__(self, kind: Any) -> None:
        self._validator: Any = None
        self._required = 1
        self._descriptions: Mapping[str, str] = {}
        try:
            schema = choose_by_tag(validation_schema(kind))
        except (TypeError, ValueError):
            return
        if is_ambiguous(schema):
            return
        self._required = most_required(schema)
        self._descriptions = pattern_descriptions(schema)
        self._validator = jsonschema_rs.Draft202012Validator(
            schema,
            formats={name: _format_check(kind) for name, kind in _FORMATS.items()},
            validate_formats=True,
            mask="value",
        )

    def faults(self, value: Any, most: int) -> list[Fault]:
        """Return up to `most` faults of a decoded body, one per path."""
        if self._validator is None:
            return []
        copy, truncated = truncate(value, self._required)
        try:
            errors = self._validator.iter_errors(copy)
        except ValueError:  # nested deeper than jsonschema-rs allows
            return []
        faults: dict[str, Fault] = {}
        for error in errors:
            for fault in self._faults_of(error, truncated):
                faults.setdefault(fault.pointer, fault)
            if len(faults) >= most:
                break
        return list(faults.values())[:most]

    def _faults_of(self, error: Any, truncated: frozenset[Path]) -> Iterator[Fault]:
        """Yield the faults of one schema error, each with the path of its field."""
        path, kind = tuple(error.instance_path), error.kind
        name = type(kind).__name__
        if path in truncated and name in _BY_TRUNCATION:
            return
        match name:
            case "Required":
                yield Fault(json_pointer((*path, kind.property)), "is required")
            case "AdditionalProperties" | "UnevaluatedProperties":
                for field in kind.unexpected:
                    yield Fault(json_pointer((*path, field)), "is not a known field")
            case "AnyOf" | "OneOf":
                yield from self._union_faults(path, kind.context, truncated)
            case "Pattern" if kind.pattern in self._descriptions:
                text = f"must be {self._descriptions[kind.pattern]}"
                yield Fault(json_pointer(path), text[:LONGEST_TEXT])
            case _:
                yield Fault(json_pointer(path), str(error.message)[:LONGEST_TEXT])

    def _union_faults(
        self, path: Path, branches: list[list[Any]], truncated: frozenset[Path]
    ) -> Iterator[Fault]:
        """Yield the faults of the only branch with the value's type, otherwise one fault."""

        def type_errors(errors: list[Any]) -> list[Any]:
            return [
                error
                for error in errors
                if type(error.kind).__name__ == "Type" and tuple(error.instance_path) == path
            ]

        of_type = [errors for errors in branches if not type_errors(errors)]
        if len(of_type) == 1:
            for error in of_type[0]:
                yield from self._faults_of(error, truncated)
            return
        types = {
            name
            for errors in branches
            for error in type_errors(errors)
            for name in error.kind.types
        }
        expected = ", ".join(sorted(types)) or "the allowed"
        yield Fault(json_pointer(path), f"value is none of: {expected}")


def _format_check(kind: Any) -> Callable[[str], bool]:
    def has_format(text: str) -> bool:
        try:
            value = msgspec.convert(text, kind)
        except (msgspec.ValidationError, ValueError):
            return False
        return not isinstance(value, Decimal) or value.is_finite()

    return has_format
