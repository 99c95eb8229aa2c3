"""Find lines in the log file and its rotated files, and follow new lines."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, get_args

import msgspec

from ..files.backwards import Position, lines_backwards
from .base import LogLine

POLL_SECONDS = 0.2
_ORDER = timedelta(seconds=10)
"""How much older than the previous line a line may be, because several processes write."""
Level = Literal["", "TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]
_LEVELS: tuple[Level, ...] = get_args(Level)
_decode = msgspec.json.Decoder(LogLine).decode


class LineFilter(msgspec.Struct, frozen=True):
    """Which lines to find; an empty value matches all.

    `function` is the name of a function or of a service; `level` is the lowest level to find;
    `grep` is searched in message, fields and traceback.
    """

    function: str = ""
    trace_id: str = ""
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    level: Level = ""
    grep: re.Pattern[str] | None = None

    def decode(self, json: bytes) -> LogLine | None:
        """Return the line if it matches; None if not, or if it is truncated (e.g. by kill -9)."""
        try:
            line = _decode(json)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return line if self._matches(line) else None

    def _matches(self, line: LogLine) -> bool:
        if self.trace_id and line.trace_id != self.trace_id:
            return False
        if self.function and self.function not in (line.function, line.service):
            return False
        if self.since is not None and line.time < self.since:
            return False
        if self.level and line.level in _LEVELS[: _LEVELS.index(self.level)]:
            return False
        return self.grep is None or self.grep.search(_searched_text(line)) is not None


def _searched_text(line: LogLine) -> str:
    fields = msgspec.json.encode(line.fields).decode() if line.fields else ""
    return f"{line.message} {fields} {line.traceback}"


def find_lines(
    path: Path, wanted: LineFilter, count: int, before: Position | None = None
) -> list[LogLine]:
    """Return the last `count` matching lines, oldest first."""
    found: list[LogLine] = []
    oldest = None if wanted.since is None else LineFilter(since=wanted.since - _ORDER)
    for json, _ in lines_backwards(path, before):
        line = wanted.decode(json)
        if line is not None:
            found.append(line)
            if len(found) == count:
                break
        elif oldest is not None and LineFilter().decode(json) and not oldest.decode(json):
            break
    return found[::-1]


def follow_lines(path: Path, wanted: LineFilter, count: int) -> Iterator[LogLine | None]:
    """Yield the last `count` matching lines, then new ones; yield None while there is none.

    After a rotation it continues in the new file. It yields complete lines only.
    """
    while not path.exists():
        yield None
    file = path.open("rb")
    try:
        end = os.fstat(file.fileno()).st_size
        yield from find_lines(path, wanted, count, (_inode(file), end))
        file.seek(end)
        while True:
            was_rotated = _inode_of(path) != _inode(file)  # checked before the rest is read
            yield from filter(None, map(wanted.decode, _read_lines(file)))
            if was_rotated and path.exists():
                file.close()
                file = path.open("rb")
            else:
                yield None
    finally:
        file.close()


def wait_and_follow(path: Path, wanted: LineFilter, count: int) -> Iterator[LogLine]:
    """Yield lines as `follow_lines` does, and sleep while there is no new line."""
    for line in follow_lines(path, wanted, count):
        if line is None:
            time.sleep(POLL_SECONDS)
        else:
            yield line


def _read_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the complete lines after the current position of the file."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        yield line


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino


def _inode_of(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:  # renamed by a rotation that has not created the new file yet
        return 0
