"""Decode JSON bodies, and list all faults of a body that does not decode.

msgspec stops at the first fault. Only an invalid body is then validated against the JSON Schema,
which finds the other faults; MAX_FAULTS and schema_bounds bound the cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from ..http.problem import Fault
from .schema_bounds import Path, truncate
from .schema_validator import LONGEST_TEXT, SchemaValidator, json_pointer
from .validation import INVALID, MALFORMED, MAX_FAULTS, parse_message

# `\u0000` is an escape only if an even number of backslashes precedes it.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Strings that Decimal reads as NaN or infinity, and escapes, which may hide such a string.
_NOT_FINITE = re.compile(rb'"\s*[+-]?(?:s?nan\d*|inf(?:inity)?)\s*"|\\u', re.IGNORECASE)
# Stands for a decoded body with a number that Python's JSON types cannot represent.
_OUT_OF_RANGE: Any = object()


class Body:
    """Decode bodies to one type, and list the faults of an invalid body."""

    __slots__ = ("_type", "_validator", "decode")

    def __init__(self, kind: Any, has_decimals: bool = False) -> None:
        """Decode to `kind`; with `has_decimals`, refuse the decimals NaN and infinity."""
        self._type = kind
        self._validator: SchemaValidator | None = None
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        if has_decimals:
            self.decode = self._finite(self.decode)

    def _finite(self, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def decode_finite(raw: bytes) -> Any:
            value = decode(raw)
            if _NOT_FINITE.search(raw) is not None and not _is_finite(value):
                raise msgspec.ValidationError("Expected a finite number")
            return value

        return decode_finite

    def _schema_faults(self, value: Any) -> list[Fault]:
        if self._validator is None:
            self._validator = SchemaValidator(self._type)
        return self._validator.faults(value, MAX_FAULTS)

    def decode_text(self, raw: bytes) -> Any:
        """Decode a body that is not plain ASCII; also validate the strings of unknown fields.

        Raises MsgspecError, ValueError or RecursionError, as `decode` does.
        """
        msgspec.json.decode(raw)
        if _NUL.search(raw) is not None:
            raise ValueError("a text contains a NUL character")
        return self.decode(raw)

    def faults(self, raw: bytes) -> tuple[int, list[Fault]]:
        """Return the status and the faults of a body; no faults if it is valid."""
        if not raw.strip():
            return MALFORMED, [Fault("", "a JSON body is required")]
        try:
            value = _decode_plain(raw)
            self.decode(raw)
        except msgspec.ValidationError as error:
            path, message = parse_message(str(error))
            return INVALID, [*self._all_faults(value, path, message), *_nul_faults(raw, value)]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return MALFORMED, [Fault("", _malformed(error))]
        if value is _OUT_OF_RANGE:
            return INVALID, [Fault("", "contains a number out of range")]
        return INVALID, _nul_faults(raw, value)

    def _all_faults(self, value: Any, path: list[str | int], message: str) -> list[Fault]:
        """Return the faults found by the schema, and msgspec's fault if the schema missed it."""
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


def _is_finite(value: Any) -> bool:
    """Return whether each decimal in a decoded body is finite."""
    pending = [msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=repr)]
    while pending:
        part = pending.pop()
        if isinstance(part, Decimal) and not part.is_finite():
            return False
        if isinstance(part, dict):
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
    return True


def _malformed(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "is not valid UTF-8"
    return f"is not JSON: {error}"[:LONGEST_TEXT]


def _nul_faults(raw: bytes, value: Any) -> list[Fault]:
    """List the strings with a NUL character, which some databases cannot store."""
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
