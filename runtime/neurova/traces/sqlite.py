"""The embedded store of traces: an SQLite file of bounded size, written by all processes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ..errors import StateError
from ..files.sqlite_file import open_sqlite_file, translate_sqlite_error
from .base import TraceFilter, TraceNotFound, TraceSummary, summarize
from .span import Span, TracedSpan

MAX_LISTED = 1_000  # maximum number of traces that one `list` reads
_PRUNE_EVERY = 50  # batches between two checks of age and size
_CHUNKS = 200  # rows read at once
# A row holds all spans of a trace in a batch: fewer rows and index entries than a row per span.
_LAYOUT = """
CREATE TABLE IF NOT EXISTS chunks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,
    trace_id TEXT NOT NULL,
    spans BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS chunks_trace ON chunks (trace_id);
"""
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Span])


class SqliteTraces:
    """Write and read the traces in a file; `keep` in seconds and `max_size` in bytes bound it.

    The oldest spans are deleted first. A crash of the machine may lose the last spans.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep: float,
        max_size: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._keep = keep
        self._max_size = max_size
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._batches = 0

    def export(self, spans: Sequence[TracedSpan]) -> None:
        """Store spans. Raises Unavailable while another process writes, StateError if broken."""
        now = self._clock()
        chunks: dict[int, list[Span]] = {}
        for trace_id, span in spans:
            chunks.setdefault(trace_id, []).append(span)
        rows = [(now, f"{id:032x}", _ENCODER.encode(found)) for id, found in chunks.items()]
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany(
                    "INSERT INTO chunks (time, trace_id, spans) VALUES (?, ?, ?)", rows
                )
                if self._batches % _PRUNE_EVERY == 0:
                    self._prune(connection, now)
                self._batches += 1
        except (sqlite3.Error, OSError) as error:
            raise translate_sqlite_error(error, self._path) from error

    def list(
        self, only: TraceFilter, limit: int, before: int | None = None
    ) -> tuple[Sequence[TraceSummary], int | None]:
        """Return the newest matching traces, and the `before` of the next page or None.

        The position of a trace is the place where its first spans were stored.
        """
        found: list[TraceSummary] = []
        if not self._path.exists():
            return found, None
        position = before
        try:
            for read, (seq, trace_id) in enumerate(self._entries(only.since, before)):
                if len(found) == limit or read == MAX_LISTED:
                    return found, position
                spans = self.find(trace_id)
                summary = summarize(trace_id, spans)
                if only.matches(summary, spans):
                    found.append(summary)
                position = seq
        except (sqlite3.Error, OSError) as error:
            raise translate_sqlite_error(error, self._path) from error
        return found, None

    def find(self, trace_id: str) -> Sequence[Span]:
        """Return the spans of a trace, ordered by start. Raises TraceNotFound."""
        select = "SELECT spans FROM chunks WHERE trace_id = ?"
        rows = []
        if self._path.exists():
            try:
                rows = self._open().execute(select, (trace_id,)).fetchall()
            except (sqlite3.Error, OSError) as error:
                raise translate_sqlite_error(error, self._path) from error
        if not rows:
            raise TraceNotFound(
                f"the store has no trace {trace_id!r}",
                where=str(self._path),
                fix="`neurova traces` lists those that are stored; not all calls are sampled",
            )
        try:
            spans = [span for (text,) in rows for span in _DECODER.decode(text)]
        except msgspec.DecodeError as error:
            raise StateError(
                f"the trace cannot be read: {error}", where=str(self._path), fix="delete the file"
            ) from error
        return sorted(spans, key=lambda each: (each.start, -each.end))

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def count(self) -> int:
        """Return the number of stored traces."""
        found = self._open().execute("SELECT count(DISTINCT trace_id) FROM chunks").fetchone()
        return int(found[0])

    def _entries(self, since: float, before: int | None) -> Iterator[tuple[int, str]]:
        """Yield position and id of each trace, the newest first."""
        select = (
            "SELECT seq, trace_id FROM chunks c WHERE seq < ? AND time >= ? AND NOT EXISTS "
            "(SELECT 1 FROM chunks o WHERE o.trace_id = c.trace_id AND o.seq < c.seq) "
            "ORDER BY seq DESC LIMIT ?"
        )
        position = 1 << 62 if before is None else before
        while rows := self._open().execute(select, (position, since, _CHUNKS)).fetchall():
            yield from rows
            position = rows[-1][0]

    def _prune(self, connection: sqlite3.Connection, now: float) -> None:
        """Delete expired spans; above `max_size`, also the oldest spans, down to 7/8 of it."""
        connection.execute("DELETE FROM chunks WHERE time < ?", (now - self._keep,))
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        used = (pages - free) * size
        if used > self._max_size:
            share = 1 - self._max_size * 7 / 8 / used
            connection.execute(
                "DELETE FROM chunks WHERE seq <= "
                "(SELECT min(seq) + (max(seq) - min(seq)) * ? FROM chunks)",
                (share,),
            )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_sqlite_file(self._path, _LAYOUT)
            # Do not wait for the disk: a crash may lose spans but does not damage the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            self._connection = connection
        return self._connection
