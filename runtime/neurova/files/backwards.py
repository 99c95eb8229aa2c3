"""Read a log of JSON lines backwards, across its rotated files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TypeVar

BLOCK = 256 << 10
BUDGET = 4 << 20
"""Maximum number of bytes to read for one page, even if few lines match."""

T = TypeVar("T")
Position = tuple[int, int]
"""The inode of a log file, which rotation keeps, and the offset at which reading stopped."""


def read_backwards(
    path: Path,
    decode: Callable[[bytes], T | None],
    count: int,
    before: Position | None = None,
    budget: int = BUDGET,
) -> tuple[list[T], Position | None]:
    """Return up to `count` items, newest first, and the position to continue from.

    Reading starts at `before` (None: the end of the log) and stops early after `budget` bytes. The
    returned position is None at the beginning of the log. `decode` returns None for a line to skip.
    Raises LookupError if the file of `before` has been deleted.
    """
    found: list[T] = []
    for line, position in lines_backwards(path, before):
        budget -= len(line)
        item = decode(line)
        if item is not None:
            found.append(item)
        if len(found) == count or budget <= 0:
            return found, position
    return found, None


def lines_backwards(
    path: Path, before: Position | None = None
) -> Iterator[tuple[bytes, Position | None]]:
    """Yield the lines before a position, last first, each with the position to continue from.

    Raises LookupError if the file of `before` has been deleted.
    """
    with ExitStack() as stack:
        files = _open_files(path, stack)
        if before is not None:
            inodes = [_inode(file) for file in files]
            if before[0] not in inodes:
                raise LookupError
            files = files[inodes.index(before[0]) :]
        for number, file in enumerate(files):
            size, inode = os.fstat(file.fileno()).st_size, _inode(file)
            end = min(before[1], size) if before is not None and number == 0 else size
            for line, start in _lines(file, end):
                yield line, (inode, start) if start else _end_of(files[number + 1 :])


def _end_of(files: list[BinaryIO]) -> Position | None:
    return (_inode(files[0]), os.fstat(files[0].fileno()).st_size) if files else None


def _lines(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield the lines before `end`, last first, each with its offset."""
    while end > 0:
        begin = max(0, end - BLOCK)
        block = os.pread(file.fileno(), end - begin, begin)
        # The first line of a block may be incomplete: read it with the previous block.
        cut = block.find(b"\n") + 1 if begin else 0
        if begin and cut in (0, len(block)):
            cut = 0  # a line longer than a block is not a valid record: yield it in pieces
        offset = end
        for line in reversed(block[cut:].splitlines(keepends=True)):
            offset -= len(line)
            yield line, offset
        end = begin + cut


def _open_files(path: Path, stack: ExitStack) -> list[BinaryIO]:
    """Open the log and its rotated files, newest first; a rotation meanwhile adds no file twice."""
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
