"""Turn msgspec's errors into faults; runs only for refused requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..http.problem import Fault
from .parameter import Parameter
from .schema_bounds import Path
from .schema_validator import LONGEST_TEXT, json_pointer, pattern_descriptions

MALFORMED = 400
INVALID = 422
MAX_FAULTS = 100
_PATH = re.compile(r" - at `(key` in `)?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `(.*)`")
_PATTERN = " matching regex "
_GOT = re.compile(r", got `\w+`$")


class ItemFaults(ValueError):
    """The errors of the invalid items of a list, with their indexes."""

    def __init__(self, faults: list[tuple[int, Exception]]) -> None:
        super().__init__()
        self.faults = faults


def value_faults(read: Callable[[], Any], parameter: Parameter) -> Iterator[Fault]:
    """Yield the faults of a path, query, header or cookie value, one for each item of a list."""
    try:
        read()
    except ItemFaults as items:
        for index, error in items.faults:
            yield _value_fault(error, parameter, (index,))
    except (msgspec.ValidationError, ValueError) as error:
        yield _value_fault(error, parameter)


def _value_fault(error: Exception, parameter: Parameter, place: Path = ()) -> Fault:
    path, message = list[str | int](), str(error)
    if isinstance(error, msgspec.ValidationError):
        path, message = parse_message(message)
        if _PATTERN in message:
            described = list(pattern_descriptions(msgspec.json.schema(parameter.type)).values())
            message = f"must be {described[0]}"[:LONGEST_TEXT] if described else message
        message = _GOT.sub("", message)
    return Fault(json_pointer((parameter.alias, *place, *path)), message, parameter.kind)


def parse_message(text: str) -> tuple[list[str | int], str]:
    """Split msgspec's message into path and text, without the caller's value."""
    path: list[str | int] = []
    place = _PATH.search(text)
    if place is not None:
        text = text[: place.start()]
        for name, index, any_key in _STEP.findall(place[2]):
            if any_key:  # msgspec's messages do not name the key of a mapping
                break
            path.append(int(index) if index else name)
    field = _FIELD.match(text)
    if field is not None:
        path.append(field[2])
        text = "is required" if field[1].startswith("missing") else "is not a known field"
    elif text.startswith(("Invalid enum value", "Invalid value")):
        text = "is not one of the allowed values"
    if place is not None and place[1]:
        text = f"a key is not valid: {text}"
    return path, text[:LONGEST_TEXT]
