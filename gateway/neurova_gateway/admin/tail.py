"""The access log read from its end, over the files it was rotated into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..pipeline.call_records import CallRecord

BLOCK = 256 << 10
BUDGET = 4 << 20
"""So many octets are read for one page at most, however few of their records are wanted."""

_decode = msgspec.json.Decoder(CallRecord).decode
Place = tuple[int, int]
"""An inode, which a file keeps when it is rotated, and the offset that was read down to."""


def back(
    path: Path,
    wanted: Callable[[CallRecord], bool],
    count: int,
    before: Place | None = None,
    hint: bytes = b"",
    budget: int = BUDGET,
) -> tuple[list[CallRecord], Place | None]:
    """Return up to `count` wanted records before a place, newest first, and where to read on.

    There may be more behind that place though fewer were found. `hint`: octets that each wanted
    line holds. Lines that are no record are passed over. Raises LookupError when the file of
    `before` is gone.
    """
    found: list[CallRecord] = []
    with ExitStack() as stack:
        files = _opened(path, stack)
        if before is not None:
            inodes = [_inode(file) for file in files]
            if before[0] not in inodes:
                raise LookupError
            files = files[inodes.index(before[0]) :]
        for number, file in enumerate(files):
            size = os.fstat(file.fileno()).st_size
            end = min(before[1], size) if before is not None and number == 0 else size
            for line, start in _lines_back(file, end):
                budget -= len(line) + 1
                record = _read(line) if hint in line else None
                if record is not None and wanted(record):
                    found.append(record)
                if len(found) == count or budget <= 0:
                    return found, _onward(files[number:], start)
    return found, None


def _onward(files: list[BinaryIO], start: int) -> Place | None:
    if start:
        return _inode(files[0]), start
    if len(files) > 1:
        return _inode(files[1]), os.fstat(files[1].fileno()).st_size
    return None


def _lines_back(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the whole lines before `end`, last first, each with where it begins."""
    while end > 0:
        begin = max(0, end - BLOCK)
        octets = os.pread(file.fileno(), end - begin, begin)
        # The first line of a block may have begun before it.
        cut = octets.find(b"\n") + 1 if begin else 0
        if begin and cut in (0, len(octets)):
            cut = 0  # longer than a block: no line of ours
        place = end
        for line in reversed(octets[cut:].splitlines(keepends=True)):
            place -= len(line)
            yield line, place
        end = begin + cut


def _opened(path: Path, stack: ExitStack) -> list[BinaryIO]:
    """Open the log and its older files, newest first; one that is rotated meanwhile comes once."""
    files: list[BinaryIO] = []
    number = 0
    while True:
        name = path if not number else path.with_suffix(f".{number}{path.suffix}")
        try:
            file = stack.enter_context(name.open("rb"))
        except FileNotFoundError:
            if number:
                return files
        else:
            if all(_inode(file) != _inode(other) for other in files):
                files.append(file)
        number += 1


def _inode(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_ino


def _read(line: bytes) -> CallRecord | None:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
