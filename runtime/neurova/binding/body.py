"""Decoding of JSON bodies, and all faults of a body that does not decode.

msgspec stops at the first fault. Only then the published schema is run over the body and names the
others; its cost is bounded by MAX_FAULTS and by schema_bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ..http.problem import Fault
from .schema_bounds import Path, truncate
from .schema_validator import LONGEST_TEXT, SchemaValidator, json_pointer
from .validation import INVALID, MALFORMED, MAX_FAULTS, parse_message

MAX_FRACTIONS = 64 * 1024
"""The size in bytes up to which a body may have whole numbers written with a fraction."""
# An even number of backslashes before a `u` escapes themselves.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Texts that Decimal reads and that are no numbers; an escape may stand for any text.
_NOT_FINITE = re.compile(rb'"\s*[+-]?(?:s?nan\d*|inf(?:inity)?)\s*"|\\u', re.IGNORECASE)
_FRACTION = re.compile(rb"\d(?:\.0|[eE])")
_LARGEST_EXACT = 2**53  # up to here each whole number is a float of its own
# The body is JSON, but has a number that no plain value can hold.
_OUT_OF_RANGE: Any = object()


class Body:
    """Decode bodies to one type, and list the faults of one that does not decode."""

    __slots__ = ("_type", "_validator", "decode")

    def __init__(self, kind: Any, has_decimals: bool = False) -> None:
        """Decode to `kind`; with `has_decimals`, its decimals must be finite."""
        self._type = kind
        self._validator: SchemaValidator | None = None
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        if has_decimals:
            self.decode = self._finite(self.decode)

    def _finite(self, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def decode_finite(raw: bytes) -> Any:
            value = decode(raw)
            if _NOT_FINITE.search(raw) is not None and self._schema_faults(_decode_plain(raw)):
                raise msgspec.ValidationError("Expected a finite number")
            return value

        return decode_finite

    def _schema_faults(self, value: Any) -> list[Fault]:
        if self._validator is None:
            self._validator = SchemaValidator(self._type)
        return self._validator.faults(value, MAX_FAULTS)

    def decode_text(self, raw: bytes) -> Any:
        """Return the value of a body that is not plain ASCII.

        `decode` skips unknown fields without validating their text; this validates all. Both raise
        MsgspecError, ValueError or RecursionError.
        """
        msgspec.json.decode(raw)
        if _NUL.search(raw) is not None:
            raise ValueError("a text contains a NUL character")
        return self.decode(raw)

    def decode_whole_numbers(self, raw: bytes) -> Any:
        """Return the value of a body that `decode` refused, if only for integers like `2.0`.

        They are integers in JSON Schema (2020-12, 4.2.3). A body over MAX_FRACTIONS bytes is
        decoded strictly, since the search would take too long. Raises as `decode` does.
        """
        value = _OUT_OF_RANGE
        if len(raw) <= MAX_FRACTIONS and _FRACTION.search(raw):
            value = _decode_plain(raw)
        if value is _OUT_OF_RANGE:
            return self.decode(raw)
        return self.decode(msgspec.json.encode(_with_integers(value)))

    def faults(self, raw: bytes) -> tuple[int, list[Fault]]:
        """Return the status and the faults of a body; none when it is valid."""
        if not raw.strip():
            return MALFORMED, [Fault("", "a JSON body is required")]
        try:
            value = _decode_plain(raw)
            self.decode_whole_numbers(raw)
        except msgspec.ValidationError as error:
            path, message = parse_message(str(error))
            return INVALID, [*self._all_faults(value, path, message), *_nul_faults(raw, value)]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return MALFORMED, [Fault("", _malformed(error))]
        if value is _OUT_OF_RANGE:
            return INVALID, [Fault("", "contains a number out of range")]
        return INVALID, _nul_faults(raw, value)

    def _all_faults(self, value: Any, path: list[str | int], message: str) -> list[Fault]:
        """Return the schema's faults, and msgspec's own when the schema does not name it."""
        own = json_pointer(path)
        if value is _OUT_OF_RANGE:
            return [Fault(own, message)]
        faults = self._schema_faults(value)
        for fault in faults:
            inside, around = f"{fault.pointer}/", f"{own}/"
            if inside.startswith(around) or around.startswith(inside):
                return faults
        return [Fault(own, message), *faults][:MAX_FAULTS]


def _decode_plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return _OUT_OF_RANGE


def _with_integers(value: Any) -> Any:
    """Return a decoded value, changed in place: each float that is a whole number is an int."""
    top = [value]
    pending: list[Any] = [top]
    while pending:
        part = pending.pop()
        for key, each in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(each, float) and each.is_integer() and abs(each) <= _LARGEST_EXACT:
                part[key] = int(each)
            elif isinstance(each, dict | list):
                pending.append(each)
    return top[0]


def _malformed(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "is not valid UTF-8"
    return f"is not JSON: {error}"[:LONGEST_TEXT]


def _nul_faults(raw: bytes, value: Any) -> list[Fault]:
    """Name the texts of a decoded body with a NUL character, which not every database stores."""
    if _NUL.search(raw) is None:
        return []
    pending: list[tuple[Path, Any]] = [((), truncate(value, 1)[0])]
    paths = []
    while pending:
        path, part = pending.pop()
        if isinstance(part, dict):
            paths += [path for key in part if "\0" in key]
            pending += [((*path, key), member) for key, member in part.items()]
        elif isinstance(part, list):
            pending += [((*path, index), member) for index, member in enumerate(part)]
        elif isinstance(part, str) and "\0" in part:
            paths.append(path)
    pointers = sorted(map(json_pointer, paths)) or [""]
    return [Fault(pointer, "contains a NUL character: remove it") for pointer in pointers]
