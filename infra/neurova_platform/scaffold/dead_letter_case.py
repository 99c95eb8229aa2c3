"""Plan the test that `neurova dlq save` writes, without I/O."""

from __future__ import annotations

import json
import math
import re
from textwrap import wrap
from typing import Any

from neurova.dead_letters.letters import DeadLetterDetails
from neurova.errors import NeurovaError
from neurova.telemetry.redact import mask_secrets

from ..assets import template

WIDTH = 80
MAX_CAUSE = 800  # characters of the cause in the file
MASKED = "masked"
_SECRET = re.compile(r"password|passwd|secret|token|authorization|api_?key", re.IGNORECASE)


def plan_case(letter: DeadLetterDetails) -> tuple[str, str]:
    """Return the default path and the text of a test that fails until the event can be handled.

    Masks API keys, tokens, and the texts of fields whose names look like secrets. Raises
    NeurovaError if the event cannot be decoded, or if the dead letter is an asynchronous call.
    """
    if letter.values is None:
        raise NeurovaError(f"the event cannot be saved: {letter.fault}", fix="drop it")
    if letter.queue.endswith(".async_calls"):
        raise NeurovaError(
            f"{letter.queue} holds calls, no events", fix="write a test that makes the same call"
        )
    values, cause = letter.values, letter.cause
    secrets: list[str] = []
    values = _mask(values, secrets)
    for secret in secrets:
        cause = cause.replace(secret, MASKED)
    name = re.sub(r"\W", "_", f"dead_{letter.queue}_{letter.id[:8]}", flags=re.ASCII)
    lines = wrap(_docstring(mask_secrets(cause)[:MAX_CAUSE]) or "Its cause is unknown.", WIDTH)
    text = template("dead_letter_case.py.tmpl")
    for key, value in (
        ("name", name),
        ("cause", "\n".join(lines)),
        ("id", _docstring(letter.id)),
        ("event", _text(letter.event)),
        ("title", letter.queue),
        ("queue", _text(letter.queue)),
        ("values", _source(values, 2)),
    ):
        text = text.replace(f"${key}$", value)
    return f"tests/test_{name}.py", text


def _mask(value: Any, secrets: list[str], name: str = "") -> Any:
    """Return a JSON value with its secrets masked; append the masked field texts to `secrets`."""
    if isinstance(value, dict):
        return {mask_secrets(key): _mask(each, secrets, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_mask(each, secrets, name) for each in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET.search(name):
        secrets.append(value)
        return MASKED
    return mask_secrets(value)


def _source(value: Any, depth: int) -> str:
    """Return the Python source of a JSON value, formatted as `ruff format` would format it."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if not isinstance(value, dict | list) or not value:
        return repr(value)
    indent = "    " * depth
    if isinstance(value, dict):
        items = [f"{_text(key)}: {_source(each, depth + 1)}" for key, each in value.items()]
        first, last = "{", "}"
    else:
        items = [_source(each, depth + 1) for each in value]
        first, last = "[", "]"
    lines = "".join(f"{indent}    {each},\n" for each in items)
    return f"{first}\n{lines}{indent}{last}"


def _text(value: str) -> str:
    """Return a string literal; choose the quotes that need fewer escapes."""
    inner = json.dumps(value, ensure_ascii=False)[1:-1]
    if value.count('"') <= value.count("'"):
        return f'"{inner}"'
    return "'" + inner.replace("'", "\\'").replace('\\"', '"') + "'"


def _docstring(text: str) -> str:
    """Return text with the characters escaped that have a meaning in a docstring."""
    printable = "".join(each if each.isprintable() else " " for each in text)
    return printable.replace("\\", "\\\\").replace('"', "'").strip()
