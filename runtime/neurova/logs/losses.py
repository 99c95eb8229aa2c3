"""Counts of lost log lines, of all processes that log into one folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

_NAME = "lost.json"


def add(log_file: Path, lost: Mapping[str, int]) -> None:
    """Add to the counts beside a log file, by where the lines were lost. Raises OSError."""
    handle = os.open(log_file.with_name(_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        counts = _decode(file.read())
        for place, lines in lost.items():
            counts[place] = counts.get(place, 0) + lines
        file.seek(0)
        file.write(msgspec.json.encode(counts))
        file.truncate()


def read(log_file: Path) -> dict[str, int]:
    """Return the counts beside a log file, by where the lines were lost."""
    try:
        return _decode(log_file.with_name(_NAME).read_bytes())
    except FileNotFoundError:
        return {}


def _decode(content: bytes) -> dict[str, int]:
    try:
        return msgspec.json.decode(content, type=dict[str, int])
    except msgspec.DecodeError:  # new, or left by a process that was killed while it wrote
        return {}
