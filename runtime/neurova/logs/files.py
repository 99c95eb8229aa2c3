"""Log lines in a rotating file of JSON lines: the embedded store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files.lines import RotatingFile
from .base import Encoded

MAX_BYTES = 64_000_000
KEEP = 5


class LogFile:
    """Append lines to the file at `path`, which several processes share.

    It is rotated at `max_bytes`; `keep` rotated files are kept.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self.path = path
        self._file = RotatingFile(path, max_bytes, keep)

    def write(self, lines: Sequence[Encoded]) -> int:
        """Append lines. Raises OSError, e.g. on a full disk."""
        self._file.append(b"\n".join([*[json for _, json in lines], b""]))
        return 0

    def check(self) -> str:
        """Return the path of the file."""
        return str(self.path)
