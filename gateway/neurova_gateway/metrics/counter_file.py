"""Counter files: each worker process locks one and adds its counts to the existing ones."""

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

from . import counter_layout
from .counter_layout import AT_MAGIC, AT_PID, AT_SIZE, AT_STARTED, AT_VERSION, WORD

SUFFIX = ".counters"


class CounterFile:
    """Map the counter file of one worker slot. Created by `open_counter_file`; not thread-safe.

    The process holds a `flock` on the file, which the kernel releases when the process ends in any
    way. Counts stay in the file, and the next process in this slot adds to them.
    """

    def __init__(self, slot: int, descriptor: int) -> None:
        self.slot = slot
        self._descriptor = descriptor
        self._offsets: dict[tuple[int, str], int] = {}
        if os.fstat(descriptor).st_size < counter_layout.FIRST_BYTES:
            _reserve(descriptor, counter_layout.FIRST_BYTES)
        self._map = mmap.mmap(descriptor, 0)
        self.words = memoryview(self._map).cast("Q")
        if not _is_valid(self.words):
            self._initialize()
        for kind, key, at in entries(self.words):
            self._offsets[kind, key] = at
        self.words[AT_PID] = os.getpid()
        self.words[AT_STARTED] = int(time.time() * 1000)

    def offset(self, kind: int, key: str) -> int:
        """Return the word of a key's first value, 0 if the file is full.

        A new key is added with zeros.
        """
        found = self._offsets.get((kind, key))
        if found is None:
            found = self._offsets[kind, key] = self._append(kind, key)
        return found

    def keys(self, kind: int) -> list[str]:
        """Return all keys of a kind in the file."""
        return [key for each, key in self._offsets if each == kind]

    def close(self) -> None:
        """Unmap and unlock the file; the counts stay in it."""
        self.words.release()
        self._map.close()
        os.close(self._descriptor)

    def _initialize(self) -> None:
        for at in range(len(self.words)):
            self.words[at] = 0
        self.words[AT_SIZE] = counter_layout.ENTRIES
        self.words[AT_VERSION] = counter_layout.VERSION
        self.words[AT_MAGIC] = counter_layout.MAGIC

    def _append(self, kind: int, key: str) -> int:
        encoded = key.encode("utf-8", "backslashreplace")
        size = self.words[AT_SIZE]
        first = size + 1 + counter_layout.key_words(len(encoded))
        end = first + counter_layout.VALUES[kind]
        while end > len(self.words):
            if not self._grow():
                return 0
        words = self.words
        words[size] = kind << 32 | len(encoded)
        words.cast("B")[(size + 1) * WORD : (size + 1) * WORD + len(encoded)] = encoded
        for at in range(first, end):  # clear what a process left that died during an append
            words[at] = 0
        words[AT_SIZE] = end
        return first

    def _grow(self) -> bool:
        size = len(self.words) * WORD * 2
        if size > counter_layout.MOST_BYTES:
            return False
        try:
            _reserve(self._descriptor, size)
        except OSError:
            return False
        self.words.release()
        self._map.close()
        self._map = mmap.mmap(self._descriptor, 0)
        self.words = memoryview(self._map).cast("Q")
        return True


def open_counter_file(folder: Path) -> CounterFile:
    """Lock the first free slot of a folder; create the folder if it is missing.

    Raises StateError when the file cannot be opened or created.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with folder_lock(folder):  # exclude `read_counter_files`, which locks each file briefly
            slot = 0
            while True:
                path = folder / f"{slot}{SUFFIX}"
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    if _try_lock(descriptor):
                        return CounterFile(slot, descriptor)
                except BaseException:
                    os.close(descriptor)
                    raise
                os.close(descriptor)
                slot += 1
    except OSError as error:
        raise StateError(
            f"Cannot write counter files ({error.strerror or error})",
            where=str(folder),
            fix="free disk space, or let this user write the folder",
        ) from None


def remove_unused_counter_files(folder: Path) -> None:
    """Remove the files that no live process uses, so that their counts start at 0."""
    if not folder.is_dir():
        return
    with folder_lock(folder):
        for path in folder.glob(f"*{SUFFIX}"):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                if _try_lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def read_counter_files(folder: Path) -> Iterator[tuple[int, bool, memoryview]]:
    """Yield, for each valid file: slot, whether a live process uses it, and its words."""
    if not folder.is_dir():
        return
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: int(path.stem)):
        try:
            with path.open("rb") as file:
                with folder_lock(folder):
                    is_alive = not _try_lock(file.fileno())
                    fcntl.flock(file.fileno(), fcntl.LOCK_UN)
                content = file.read()
        except OSError:
            continue  # the file was removed meanwhile
        words = memoryview(content[: len(content) // WORD * WORD]).cast("Q")
        if _is_valid(words):
            yield int(path.stem), is_alive, words


def entries(words: memoryview) -> Iterator[tuple[int, str, int]]:
    """Yield, for each entry: kind, key, and the word of its first value."""
    content = words.cast("B")
    at, size = counter_layout.ENTRIES, min(words[AT_SIZE], len(words))
    while at < size:
        kind, length = words[at] >> 32, words[at] & 0xFFFF_FFFF
        first = at + 1 + counter_layout.key_words(length)
        if kind not in counter_layout.VALUES or first + counter_layout.VALUES[kind] > size:
            return
        start = (at + 1) * WORD
        yield kind, str(content[start : start + length], "utf-8", "replace"), first
        at = first + counter_layout.VALUES[kind]


def _is_valid(words: memoryview) -> bool:
    return (
        len(words) >= counter_layout.ENTRIES
        and words[AT_MAGIC] == counter_layout.MAGIC
        and words[AT_VERSION] == counter_layout.VERSION
    )


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reserve(descriptor: int, size: int) -> None:
    """Allocate disk blocks: writing to a mapped page without a block raises SIGBUS."""
    if sys.platform == "darwin":  # macOS has no posix_fallocate
        old = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(size - old), old)
    else:
        os.posix_fallocate(descriptor, 0, size)
