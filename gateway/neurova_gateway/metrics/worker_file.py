"""A seat: the file that one living process counts into, and the next one after it."""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from neurova.errors import StateError
from neurova.files.locks import folder_lock

from . import layout
from .layout import AT_MAGIC, AT_PID, AT_SIZE, AT_STARTED, AT_VERSION, WORD


class Seat:
    """Hold a seat's file, mapped; `number` is the seat's. Made by `claim`; not for two threads.

    The process that holds it has a `flock` on the file, which the kernel drops however it ends:
    what it counted stays and is counted on by the next.
    """

    def __init__(self, number: int, descriptor: int) -> None:
        self.number = number
        self._descriptor = descriptor
        self._places: dict[tuple[int, str], int] = {}
        self._map = self._mapped()
        self.words = memoryview(self._map).cast("Q")
        if not _sound(self.words):
            self._lay()
        self._learn()
        self.words[AT_PID] = os.getpid()
        self.words[AT_STARTED] = int(time.time() * 1000)

    def place(self, kind: int, key: str) -> int:
        """Return the word of a key's first value, made 0 when it is new; 0: there is no room."""
        found = self._places.get((kind, key))
        if found is None:
            found = self._places[kind, key] = self._append(kind, key)
        return found

    def close(self) -> None:
        """Give the seat up; what was counted stays."""
        self.words.release()
        self._map.close()
        os.close(self._descriptor)

    def _mapped(self) -> mmap.mmap:
        if os.fstat(self._descriptor).st_size < layout.FIRST_BYTES:
            _reserve(self._descriptor, layout.FIRST_BYTES)
        return mmap.mmap(self._descriptor, 0)

    def _lay(self) -> None:
        for at in range(len(self.words)):
            self.words[at] = 0
        self.words[AT_SIZE] = layout.ENTRIES
        self.words[AT_VERSION] = layout.VERSION
        self.words[AT_MAGIC] = layout.MAGIC

    def _learn(self) -> None:
        for kind, key, at in entries(self.words):
            self._places[kind, key] = at

    def _append(self, kind: int, key: str) -> int:
        octets = key.encode("utf-8", "backslashreplace")
        size = self.words[AT_SIZE]
        first = size + 1 + layout.key_words(len(octets))
        end = first + layout.VALUES[kind]
        while end > len(self.words):
            if not self._grow():
                return 0
        words = self.words
        words[size] = kind << 32 | len(octets)
        words.cast("B")[(size + 1) * WORD : (size + 1) * WORD + len(octets)] = octets
        for at in range(first, end):  # one that died here may have left something
            words[at] = 0
        words[AT_SIZE] = end
        return first

    def _grow(self) -> bool:
        octets = len(self.words) * WORD * 2
        if octets > layout.MOST_BYTES:
            return False
        try:
            _reserve(self._descriptor, octets)
        except OSError:
            return False
        self.words.release()
        self._map.close()
        self._map = mmap.mmap(self._descriptor, 0)
        self.words = memoryview(self._map).cast("Q")
        return True


def claim(folder: Path) -> Seat:
    """Take the first seat of a folder that no living process holds; the folder is made if missing.

    Raises StateError when its file cannot be had.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        # A look at the others' locks takes each for a moment.
        with folder_lock(folder):
            number = 0
            while True:
                descriptor = os.open(
                    folder / f"{number}.seat", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                if _taken(descriptor):
                    os.close(descriptor)
                    number += 1
                    continue
                try:
                    return Seat(number, descriptor)
                except BaseException:
                    os.close(descriptor)
                    raise
    except OSError as error:
        raise StateError(
            f"{folder}: calls cannot be counted there ({error.strerror or error}): "
            "make room, or let this user write it"
        ) from None


def clear(folder: Path) -> None:
    """Remove all seats that no living process holds: counting begins anew."""
    if not folder.is_dir():
        return
    with folder_lock(folder):
        for path in folder.glob("*.seat"):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if not _taken(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def seats(folder: Path) -> Iterator[tuple[int, bool, memoryview]]:
    """Yield number, whether a living process holds it, and the words of each sound seat."""
    if not folder.is_dir():
        return
    paths = sorted(folder.glob("*.seat"), key=lambda path: int(path.stem))
    for path in paths:
        try:
            with path.open("rb") as file:
                with folder_lock(folder):
                    living = _taken(file.fileno())
                    fcntl.flock(file.fileno(), fcntl.LOCK_UN)
                octets = file.read()
        except OSError:
            continue  # cleared meanwhile
        words = memoryview(octets[: len(octets) // WORD * WORD]).cast("Q")
        if _sound(words):
            yield int(path.stem), living, words


def entries(words: memoryview) -> Iterator[tuple[int, str, int]]:
    """Yield kind, key and the word of the first value of each entry."""
    octets = words.cast("B")
    at, size = layout.ENTRIES, min(words[AT_SIZE], len(words))
    while at < size:
        kind, length = words[at] >> 32, words[at] & 0xFFFF_FFFF
        first = at + 1 + layout.key_words(length)
        if kind not in layout.VALUES or first + layout.VALUES[kind] > size:
            return
        yield kind, _text(octets, at + 1, length), first
        at = first + layout.VALUES[kind]


def _sound(words: memoryview) -> bool:
    return (
        len(words) >= layout.ENTRIES
        and words[AT_MAGIC] == layout.MAGIC
        and words[AT_VERSION] == layout.VERSION
    )


def _taken(descriptor: int) -> bool:
    """Lock a seat's file, or tell that somebody else has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _reserve(descriptor: int, octets: int) -> None:
    """Make a file that long, with its blocks: a page without one would kill us when written."""
    if sys.platform == "darwin":  # it has no posix_fallocate
        size = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(octets - size), size)
    else:
        os.posix_fallocate(descriptor, 0, octets)


def _text(octets: memoryview, at: int, length: int) -> str:
    return str(octets[at * WORD : at * WORD + length], "utf-8", "replace")
