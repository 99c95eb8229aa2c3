"""Convert values as Kong's plugin protocol does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurova.http.call import Field
from neurova.http.reply import CONTROL_CHARACTERS, FRAMING, TOKEN_CHARACTERS

from .phase import PdkError

ATOMS = frozenset([str, int, float, bool, bytes])
_FORBIDDEN = bytes(CONTROL_CHARACTERS)
_MAX_DEPTH = 64


def decode(raw: bytes) -> str:
    """Decode bytes as Kong's strings: UTF-8, with invalid bytes as surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def encode(value: str) -> bytes:
    """Encode text that `decode` returned."""
    return value.encode("utf-8", "surrogateescape")


def copy_plain(value: object, depth: int = 0) -> Any:
    """Return a deep copy; as in Lua, an empty table is [] and None entries are dropped.

    Raises PdkError for values that Kong's protocol cannot transport.
    """
    kind = type(value)
    if value is None or (kind in ATOMS and kind is not int):
        return value
    if kind is int and -(2**63) <= value < 2**64:  # type: ignore[operator]
        return value
    if depth < _MAX_DEPTH and isinstance(value, dict):
        entries = {_key(k): copy_plain(v, depth + 1) for k, v in value.items() if v is not None}
        return entries or []
    if depth < _MAX_DEPTH and isinstance(value, list | tuple):
        return [copy_plain(item, depth + 1) for item in value]
    raise PdkError(f"{kind.__name__} cannot be passed to Kong: use text, numbers, lists and dicts")


def _key(key: object) -> object:
    if type(key) in (str, int):
        return key
    raise PdkError(f"{type(key).__name__} cannot be a key of a table in Kong: use text")


def field_name(name: object) -> bytes:
    """Return a header field name in lower case. Raises PdkError if the name is invalid."""
    if type(name) is str:
        lower = name.lower().encode("utf-8", "surrogateescape")
        if lower and TOKEN_CHARACTERS.issuperset(lower) and lower not in FRAMING:
            return lower
    raise PdkError("a plugin may not set a header field of this name: see docs/plugins.md")


class _Names(dict[object, bytes]):
    """Cache the header names that plugins set, as bytes; there are only few."""

    def __missing__(self, name: object) -> bytes:
        found = field_name(name)
        if len(self) < 256:
            self[name] = found
        return found


_NAMES = _Names()


def field_value(value: object) -> bytes:
    """Return a header field value as bytes. Raises PdkError if the value is invalid."""
    kind = type(value)
    if kind is bytes:
        found: bytes = value  # type: ignore[assignment]
    elif kind is bool:
        found = b"true" if value else b"false"
    elif kind is str or kind is int or kind is float:
        found = str(value).encode("utf-8", "surrogateescape")
    else:
        raise PdkError("the value of a header field must be text")
    if len(found.translate(None, _FORBIDDEN)) != len(found):
        raise PdkError("the value of a header field has a character that HTTP forbids")
    return found


def encode_fields(headers: object) -> list[Field]:
    """Encode header fields as bytes; a list of values becomes several fields."""
    if not isinstance(headers, dict):
        # Kong encodes an empty table as a list.
        if headers == []:
            return []
        raise PdkError("headers must be a dict of names and values")
    found: list[Field] = []
    for name, value in headers.items():
        key = _NAMES[name]
        # The platform's own plugins pass valid bytes; use them unchanged.
        if type(value) is bytes and value.translate(None, _FORBIDDEN) == value:
            found.append((key, value))
        elif type(value) is list or type(value) is tuple:
            found += [(key, field_value(item)) for item in value]
        else:
            found.append((key, field_value(value)))
    return found


def group_fields(pairs: Iterable[Field], most: int) -> dict[str, list[str]]:
    """Return the first `most` fields like Kong does: lower-case name to all its values."""
    found: dict[str, list[str]] = {}
    for count, (name, value) in enumerate(pairs):
        if count >= most:
            break
        found.setdefault(decode(name), []).append(decode(value))
    return found


def get_first(headers: Mapping[bytes, bytes], name: object) -> str | None:
    """Return a header's first value, or None; case does not matter, and `_` is `-`."""
    if type(name) is not str:
        raise PdkError("the name of a header field must be text")
    value = headers.get(encode(name.lower().replace("_", "-")))
    return None if value is None else decode(value)
