"""Where a process hangs, or was when it died: read from what faulthandler has written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_THREAD = re.compile(r"^(?:Current thread|Thread) 0x[0-9a-f]+.*\(most recent call first\):$", re.M)
_MORE = re.compile(r"^\.\.\.$", re.M)  # what is written in place of threads beyond the hundredth
_FATAL = "Fatal Python error"
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.+)$', re.M)


class Frame(NamedTuple):
    """One call on a stack."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.name})"


def at_fault(dump: str) -> list[Frame]:
    """Return a thread's stack, innermost call first: of one that hangs, the main thread's.

    Of one that crashed, that of the thread which did. Empty when there is none, or the main thread
    is not among those that were written.
    """
    threads = list(_THREAD.finditer(dump))
    if not threads:
        return []
    # Threads are written from the newest to the oldest, which is the main one.
    found = threads[-1]
    if _FATAL in dump:
        found = next((each for each in threads if each[0].startswith("Current")), found)
    elif _MORE.search(dump):
        return []
    after = dump[found.end() :]
    end = _THREAD.search(after)
    frames = _FRAME.findall(after[: end.start()] if end else after)
    return [Frame(file, int(line), name) for file, line, name in frames]


def culprit(dump: str, homes: Sequence[Path]) -> Frame | None:
    """Return the innermost call of the thread at fault that lies in one of `homes`.

    Where none does: the innermost call of all. None when nothing was written.
    """
    frames = at_fault(dump)
    for frame in frames:
        if any(Path(frame.file).is_relative_to(home) for home in homes):
            return frame
    return frames[0] if frames else None
