"""The fields of all settings, their dotted keys, and the conversion of values to their types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec import inspect

from neurova.settings.deploy import Deploy
from neurova.settings.plans import Plan
from neurova.settings.project import Service
from neurova.settings.settings import Sections
from neurova.telemetry.redact import holds_secret

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|KiB|MiB|GiB)\s*")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SECRET_NAMES = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_?key)s?$")
_SECRET_VALUES = re.compile(r"-----BEGIN|://[^/@\s]*:[^/@\s]+@|[?&](ssl)?password=.")


class Field(msgspec.Struct, frozen=True):
    """Describe one setting: its dotted key, its type and its default."""

    key: str
    type: Any
    default: Any

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return "NEUROVA_" + self.key.replace(".", "_").upper()

    @property
    def unit(self) -> str:
        """Return "bytes", "path", "credential" or ""."""
        extra: dict[str, str] = {}
        for meta in getattr(self.type, "__metadata__", ()):
            extra |= meta.extra or {}
        return extra.get("unit", "")


def fields_of(section: type[msgspec.Struct], prefix: str = "") -> Iterator[Field]:
    """Yield the fields of a section and its subsections, in the order of definition."""
    for field in msgspec.structs.fields(section):
        key = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from fields_of(field.type, key + ".")
        else:
            yield Field(key, field.type, field.default)


FIELDS = {field.key: field for field in fields_of(Sections)}
"""The fields of all sections without user-defined names, by dotted key."""
NAMED_FIELDS = {
    section: {field.key: field for field in fields_of(kind)}
    for section, kind in (("services", Service), ("plans", Plan), ("deploy", Deploy))
}
"""The fields of `[services.<name>]`, `[plans.<name>]`, `[deploy.<name>]`, by section and name."""

_CREDENTIALS = frozenset(key for key, field in FIELDS.items() if field.unit == "credential")


def field_of(key: str) -> Field:
    """Return the field of a known dotted key."""
    named = NAMED_FIELDS.get(key.partition(".")[0])
    if named is None:
        return FIELDS[key]
    field = named[key.rpartition(".")[2]]
    return Field(key, field.type, field.default)


def convert(field: Field, value: object, *, text: bool) -> Any:
    """Convert a value to the field's type; `text`: the value comes from an environment variable.

    Raises ValueError, whose message shows the value unless it looks like a secret.
    """
    info = inspect.type_info(field.type)
    if field.unit == "bytes" and isinstance(value, str):
        value = parse_size(value) if not value.isdecimal() else int(value)
    if text and isinstance(value, str) and isinstance(info, inspect.VarTupleType):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, field.type, strict=not text)
    except msgspec.ValidationError:
        expected = 'a size like "1 MiB"' if field.unit == "bytes" else describe_type(info)
        shown = "" if is_secret(field.key, value) else f", not {value!r}"
        raise ValueError(f"must be {expected}{shown}") from None


def holds_text(field: Field) -> bool:
    """Return whether a field accepts any text."""
    info = inspect.type_info(field.type)
    while isinstance(info, inspect.Metadata):
        info = info.type
    return isinstance(info, inspect.StrType)


def parse_size(text: str) -> int | str:
    """Return the bytes of a size like "1 MiB" or "500 kB"; return any other text unchanged."""
    match = _SIZE.fullmatch(text)
    return int(float(match[1]) * _UNITS[match[2]]) if match else text


def describe_type(info: inspect.Type) -> str:
    """Return the values that a type allows, in words."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    match info:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case inspect.FloatType():
            lowest = f"from {info.ge}" if info.gt is None else f"above {info.gt}"
            return f"a number {lowest} to {info.le}"
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in info.values)
        case inspect.VarTupleType():
            return "a list of strings"
    return "a string"


def is_secret(key: str, value: object) -> bool:
    """Return whether the name or value of a setting looks like a plain-text secret."""
    name = key.rpartition(".")[2].lower()
    if isinstance(value, list):
        return any(is_secret(key, item) for item in value)
    if not isinstance(value, str):
        return False
    is_named = key in _CREDENTIALS or bool(_SECRET_NAMES.search(name))
    return is_named or bool(_SECRET_VALUES.search(value)) or holds_secret(value)


def nearest(key: str, known: Collection[str]) -> str:
    """Return the known dotted key that is most similar to `key`, "" if none is close."""
    section, _, last = key.rpartition(".")
    tails: dict[str, str] = {}

    def distance(name: str) -> float:
        return -difflib.SequenceMatcher(None, section, name.rpartition(".")[0]).ratio()

    # If several sections have a key of this name, prefer the most similar section.
    for candidate in sorted(known, key=distance):
        tails.setdefault(candidate.rpartition(".")[2], candidate)
    close = difflib.get_close_matches(last, list(tails), 1, 0.7)
    return tails[close[0]] if close else ""


def nearest_variable(name: str, known: Collection[str]) -> str:
    """Return the known variable that is most similar to `name`, "" if none is close."""
    # Use a strict cutoff, because the common prefix makes all names similar.
    close = difflib.get_close_matches(name, list(known), 1, 0.88)
    return close[0] if close else ""
