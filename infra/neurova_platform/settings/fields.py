"""The fields of the settings: their dotted keys, how a value is read, and what is no value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from msgspec import inspect

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|kB|MB|GB|KiB|MiB|GiB)\s*")
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SECRET_NAMES = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_?key)s?$")
_SECRET_VALUES = re.compile(r"nrv_(live|test)_|-----BEGIN|://[^/@\s]*:[^/@\s]+@")


class Field(msgspec.Struct, frozen=True):
    """Describe one setting: its dotted key, its type and what holds when nobody sets it."""

    key: str
    type: Any
    default: Any

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return "NEUROVA_" + self.key.replace(".", "_").upper()

    @property
    def unit(self) -> str:
        """Return "bytes", "path" or ""."""
        extra: dict[str, str] = {}
        for meta in getattr(self.type, "__metadata__", ()):
            extra |= meta.extra or {}
        return extra.get("unit", "")


def table(section: type[msgspec.Struct], prefix: str = "") -> Iterator[Field]:
    """Yield the fields of a section and of the sections in it, in the order of their writing."""
    for field in msgspec.structs.fields(section):
        key = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from table(field.type, key + ".")
        else:
            yield Field(key, field.type, field.default)


def convert(field: Field, value: object, *, text: bool) -> Any:
    """Return `value` as the field's type; `text`: it comes from the environment, as a string.

    Raises ValueError that says what is expected; it shows the value unless that looks secret.
    """
    info = inspect.type_info(field.type)
    if field.unit == "bytes" and isinstance(value, str):
        value = size(value) if not value.isdecimal() else int(value)
    if text and isinstance(value, str) and isinstance(info, inspect.VarTupleType):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, field.type, strict=not text)
    except msgspec.ValidationError:
        expected = 'a size like "1 MiB"' if field.unit == "bytes" else expects(info)
        shown = "what is there" if secret(field.key, value) else repr(value)
        raise ValueError(f"expects {expected}, not {shown}") from None


def size(text: str) -> int | str:
    """Return the bytes that "1 MiB" or "500 kB" means, or the text when it means none."""
    match = _SIZE.fullmatch(text)
    return int(float(match[1]) * _UNITS[match[2]]) if match else text


def expects(info: inspect.Type) -> str:
    """Say in words what a type takes."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    match info:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}"
        case inspect.FloatType():
            return f"a number above {info.gt}, up to {info.le}"
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in info.values)
        case inspect.VarTupleType():
            return "a list of texts"
    return "a text"


def secret(key: str, value: object) -> bool:
    """Tell whether a plain secret seems to stand in a setting, by its name or its value."""
    name = key.rpartition(".")[2].lower()
    if isinstance(value, list):
        return any(secret(key, item) for item in value)
    named = _SECRET_NAMES.search(name) is not None and isinstance(value, str)
    return named or (isinstance(value, str) and _SECRET_VALUES.search(value) is not None)


def nearest(key: str, known: Collection[str]) -> str:
    """Return the known dotted key that was most likely meant, "" when none is near."""
    section, _, last = key.rpartition(".")
    tails: dict[str, str] = {}

    def unlike(name: str) -> float:
        return -difflib.SequenceMatcher(None, section, name.rpartition(".")[0]).ratio()

    # Keys of the section that is most alike win over their namesakes elsewhere.
    for candidate in sorted(known, key=unlike):
        tails.setdefault(candidate.rpartition(".")[2], candidate)
    close = difflib.get_close_matches(last, list(tails), 1, 0.7)
    return tails[close[0]] if close else ""


def nearest_variable(name: str, known: Collection[str]) -> str:
    """Return the known variable that was most likely meant, "" when none is near."""
    # All begin alike, which makes strangers look near: ask for more than the usual likeness.
    close = difflib.get_close_matches(name, list(known), 1, 0.88)
    return close[0] if close else ""


def line_of(text: str, key: str) -> int:
    """Return the line of a TOML text that sets a dotted key, 0 when it cannot be told."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"[\s\"']", "", line.partition("#")[0])
        if bare.startswith("[") and "=" not in bare:
            section = bare.strip("[]") + "."
            if key == section[:-1]:
                return number
        elif "=" in bare:
            found = section + bare.partition("=")[0]
            if key == found or key.startswith(found + "."):
                return number
    return 0
