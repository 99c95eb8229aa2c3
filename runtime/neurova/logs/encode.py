"""Encode log entries as JSON lines with secrets masked; never raise for an entry."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from ..telemetry.redact import mask_secrets
from .base import Encoded, LogLine

MAX_TEXT = 32_768
"""Characters of a message, a field or a traceback; longer ones are cut."""
_LEVELS = {5: "TRACE", 10: "DEBUG", 20: "INFO", 25: "SUCCESS", 30: "WARNING", 40: "ERROR"}
_LEVELS[50] = "CRITICAL"
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_NUMBERS = frozenset({int, float, bool})
_encode = msgspec.json.Encoder(enc_hook=str).encode


def make_line(
    version: str,
    time: float,
    level: int,
    logger: str,
    message: str,
    function: str,
    consumer: str,
    trace_id: int,
    fields: Mapping[str, Any] | None,
    error: BaseException | None,
) -> LogLine:
    """Return the line of an entry. Mask texts that JSON escapes; `encode_lines` masks the rest."""
    return LogLine(
        datetime.fromtimestamp(time, UTC),
        _LEVELS.get(level) or f"LEVEL{level}",
        logger,
        _text(message),
        trace_id.to_bytes(16, "big").hex() if trace_id else "",
        function,
        function.partition(".")[0],
        consumer,
        version,
        {
            name: value if type(value) in _NUMBERS else _masked(value)
            for name, value in fields.items()
        }
        if fields
        else {},
        "" if error is None else _text(to_text(partial(_format, error)), keep_end=True),
    )


def encode_lines(lines: Sequence[LogLine]) -> list[Encoded]:
    """Return each line with its JSON, secrets masked.

    Most lines contain no secret, so the batch is checked as a whole first.
    """
    encoded = [_encode_line(line) for line in lines]
    text = b"\n".join(encoded).decode()
    if mask_secrets(text) != text:
        encoded = [mask_secrets(line.decode()).encode() for line in encoded]
    return list(zip(lines, encoded, strict=True))


def to_text(convert: Callable[[], str]) -> str:
    """Return the result of `convert`, which may run user code that raises."""
    try:
        return convert()
    except Exception as error:
        return f"<not shown: {type(error).__name__}>"


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _text(text: str, *, keep_end: bool = False) -> str:
    if len(text) > MAX_TEXT:
        cut = f"… ({len(text) - MAX_TEXT} characters cut)"
        text = f"{cut}\n{text[-MAX_TEXT:]}" if keep_end else text[:MAX_TEXT] + cut
    # JSON escapes some secrets, such as PEM files: mask them here, before the line is encoded.
    return text if text.isascii() and not _ESCAPED.search(text) else mask_secrets(text)


def _masked(value: Any) -> Any:
    """Return a value of JSON types with its texts masked."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_masked(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value


def _encode_line(line: LogLine) -> bytes:
    try:
        return _encode(line)
    except Exception:  # a value that JSON cannot represent
        plain = {
            mask_secrets(name): mask_secrets(to_text(partial(str, value)))
            for name, value in line.fields.items()
        }
        return _encode(msgspec.structs.replace(line, fields=plain))
