"""Where a process hangs, or was when it died: read from what faulthandler has written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):$", re.M)
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.+)$', re.M)


class Frame(NamedTuple):
    """One call on a stack."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.name})"


def main_thread(dump: str) -> list[Frame]:
    """Return the stack of the main thread, innermost call first; empty when there is none.

    Threads are written from the newest to the oldest, which is the main one.
    """
    starts = [found.end() for found in _THREAD.finditer(dump)]
    last = dump[starts[-1] :] if starts else ""
    return [Frame(file, int(line), name) for file, line, name in _FRAME.findall(last)]


def culprit(dump: str, homes: Sequence[Path]) -> Frame | None:
    """Return the innermost call of the main thread that lies in one of `homes`.

    Where none does: the innermost call of all. None when nothing was written.
    """
    frames = main_thread(dump)
    for frame in frames:
        if any(Path(frame.file).is_relative_to(home) for home in homes):
            return frame
    return frames[0] if frames else None
