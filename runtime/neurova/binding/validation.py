"""Every fault of a request, for people; runs only when a request was refused.

msgspec decodes and stops at the first fault. Then jsonschema-rs runs the published schema over the
body and names the others. What that costs is bounded: the body is cut to some thousand values,
unions are rewritten so that no branch is tried in vain, and `FAULTS` faults are named at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..http.problem import Fault
from .json_schema import Checker, Path, cut, pointer, told
from .parameter import Parameter

MALFORMED = 400
INVALID = 422
FAULTS = 100
WHOLE = 64 * 1024
_PATH = re.compile(r" - at `(key` in `)?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`")
# Backslashes stand in texts only, and an even number of them before a `u` escapes themselves.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PATTERN = " matching regex "
_GOT = re.compile(r", got `\w+`$")


class Several(ValueError):
    """Some values of a list do not fit: what each raised, by its place."""

    def __init__(self, faults: list[tuple[int, Exception]]) -> None:
        super().__init__()
        self.faults = faults


def value_faults(read: Callable[[], Any], parameter: Parameter) -> Iterator[Fault]:
    """Yield what is wrong with one path, query, header or cookie value, or with each of a list."""
    try:
        read()
    except Several as several:
        for at, error in several.faults:
            yield _value_fault(error, parameter, (at,))
    except (msgspec.ValidationError, ValueError) as error:
        yield _value_fault(error, parameter)


def _value_fault(error: Exception, parameter: Parameter, place: Path = ()) -> Fault:
    path, message = list[str | int](), str(error)
    if isinstance(error, msgspec.ValidationError):
        path, message = split(message)
        if _PATTERN in message:
            said = list(told(msgspec.json.schema(parameter.type)).values())
            message = f"must be {said[0]}"[:200] if said else message
        message = _GOT.sub("", message)
    return Fault(pointer((parameter.alias, *place, *path)), message, parameter.kind)


def split(text: str) -> tuple[list[str | int], str]:
    """Return where msgspec's message points and what it says, without the caller's value."""
    path: list[str | int] = []
    found = _PATH.search(text)
    if found is not None:
        text = text[: found.start()]
        for name, index, anything in _STEP.findall(found[2]):
            if anything:  # a key of a mapping, which msgspec does not name
                break
            path.append(int(index) if index else name)
    field = _FIELD.match(text)
    if field is not None:
        path.append(field[2])
        text = "is required" if field[1].startswith("missing") else "is not a known field"
    elif text.startswith(("Invalid enum value", "Invalid value")):
        text = "is not one of the allowed values"
    if found is not None and found[1]:
        text = f"one of its names does not fit: {text}"
    return path, text[:200]


def malformed(error: Exception) -> str:
    """Return what makes a body unreadable."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "is not valid UTF-8"
    return f"is not JSON: {error}"[:200]


def with_nul(raw: bytes, value: Any) -> list[Fault]:
    """Name the texts of a decoded body that hold a NUL, which not every database can keep."""
    if _NUL.search(raw) is None:
        return []
    left: list[tuple[Path, Any]] = [((), cut(value, 1)[0])]
    found = []
    while left:
        path, part = left.pop()
        if isinstance(part, dict):
            found += [path for key in part if "\0" in key]
            left += [((*path, key), member) for key, member in part.items()]
        elif isinstance(part, list):
            left += [((*path, at), member) for at, member in enumerate(part)]
        elif isinstance(part, str) and "\0" in part:
            found.append(path)
    places = sorted(map(pointer, found)) or [""]
    return [Fault(place, "holds a NUL character: leave it out") for place in places]


# What Decimal reads from a text and is no number; escaped, it could be any text.
_UNBOUND = re.compile(rb'"\s*[+-]?(?:s?nan\d*|inf(?:inity)?)\s*"|\\u', re.IGNORECASE)
_FRACTION = re.compile(rb"\d(?:\.0|[eE])")
_EXACT = 2**53  # up to here each whole number is a float of its own


def _whole(value: Any) -> Any:
    """Return a decoded value, changed in place: each float that is a whole number is an int."""
    top = [value]
    todo: list[Any] = [top]
    while todo:
        part = todo.pop()
        for key, each in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(each, float) and each.is_integer() and abs(each) <= _EXACT:
                part[key] = int(each)
            elif isinstance(each, dict | list):
                todo.append(each)
    return top[0]


# What JSON can say and a plain value cannot hold: a number out of range.
_NOT_PLAIN: Any = object()


def _plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return _NOT_PLAIN


class Body:
    """Decode a body, and list all that is wrong with one that does not decode."""

    __slots__ = ("_checker", "_type", "decode")

    def __init__(self, kind: Any, decimals: bool = False) -> None:
        """Decode to `kind`; `decimals`: it holds some, which are to be finite."""
        self._type = kind
        self._checker: Checker | None = None
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(kind).decode
        if decimals:
            self.decode = self._finite(self.decode)

    def _finite(self, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def decode_finite(raw: bytes) -> Any:
            value = decode(raw)
            if _UNBOUND.search(raw) is not None and self._named(_plain(raw)):
                raise msgspec.ValidationError("Expected a finite number")
            return value

        return decode_finite

    def _named(self, value: Any) -> list[Fault]:
        if self._checker is None:
            self._checker = Checker(self._type)
        return self._checker.faults(value, FAULTS)

    def decode_text(self, raw: bytes) -> Any:
        """Return the value of a body with more than plain ASCII in it.

        `decode` skips fields that nobody asks for without a look at their text: here it must be
        sound. Both raise MsgspecError, ValueError or RecursionError.
        """
        msgspec.json.decode(raw)
        if _NUL.search(raw) is not None:
            raise ValueError("a text holds a NUL character")
        return self.decode(raw)

    def decode_whole(self, raw: bytes) -> Any:
        """Return the value of a body that `decode` refused, if only for whole numbers like `2.0`.

        JSON Schema has them as integers (2020-12, 4.2.3). A body over WHOLE octets is read as
        strictly as ever: to look through it would take too long. Raises as `decode` does.
        """
        value = _plain(raw) if len(raw) <= WHOLE and _FRACTION.search(raw) else _NOT_PLAIN
        return self.decode(raw if value is _NOT_PLAIN else msgspec.json.encode(_whole(value)))

    def faults(self, raw: bytes) -> tuple[int, list[Fault]]:
        """Return the status and the faults of a body; none when it is sound."""
        if not raw.strip():
            return MALFORMED, [Fault("", "a JSON body is needed and there is none")]
        try:
            value = _plain(raw)
            self.decode_whole(raw)
        except msgspec.ValidationError as error:
            path, message = split(str(error))
            return INVALID, [*self._listed(value, path, message), *with_nul(raw, value)]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return MALFORMED, [Fault("", malformed(error))]
        if value is _NOT_PLAIN:
            return INVALID, [Fault("", "holds a number out of range")]
        return INVALID, with_nul(raw, value)

    def _listed(self, value: Any, path: list[str | int], message: str) -> list[Fault]:
        """Return the schema's faults, and msgspec's own when the schema does not see it."""
        if value is _NOT_PLAIN:
            return [Fault(pointer(path), message)]
        found = self._named(value)
        own = pointer(path)
        for fault in found:
            if f"{fault.pointer}/".startswith(f"{own}/") or f"{own}/".startswith(
                f"{fault.pointer}/"
            ):
                return found
        return [Fault(own, message), *found][:FAULTS]
