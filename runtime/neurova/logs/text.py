"""Log lines as text for a terminal."""

from __future__ import annotations

import re

from .base import LogLine

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def describe(line: LogLine) -> str:
    """Format a line for a terminal; escape control characters and indent further lines."""
    is_named = not line.function or line.message.startswith(line.function)
    parts = ["" if is_named else f"{line.function}:", line.message]
    parts += [f"{name}={value}" for name, value in line.fields.items()]
    text = " ".join(filter(None, parts))
    if line.trace_id:
        text += f" (trace {line.trace_id})"
    if line.traceback:
        text += f"\n{line.traceback.rstrip()}"
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text).replace("\n", "\n  ")
