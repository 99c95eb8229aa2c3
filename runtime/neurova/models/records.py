"""Records of predictions and of the true values, gathered and written in batches."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ..execution.repeated import log_repeated
from ..files.lines import RotatingFile

LOGGER = logging.getLogger("neurova.models")
PREDICTIONS, TRUTHS = "model_predictions", "model_truths"
"""The names of the tables."""
BOUND = 100_000  # maximum number of waiting records; further ones are dropped and counted
_FILE_BYTES, _KEEP = 64 << 20, 4


class Prediction(msgspec.Struct, frozen=True, gc=False):
    """One prediction; `ms` is its duration, `time` is in Unix seconds.

    `value` is None if no version returned a number. `fallback`: the newest version failed, and
    the previous version returned the value.
    """

    time: float
    model: str
    alias: str
    version: str
    features: Mapping[str, str | float]
    value: float | None
    ms: float
    fallback: bool
    function: str
    trace_id: int


class Truth(msgspec.Struct, frozen=True, gc=False):
    """The true value for features that a model may have predicted."""

    time: float
    model: str
    features: Mapping[str, str | float]
    value: float


Record = Prediction | Truth


class RecordSink(Protocol):
    """Store rows in named tables."""

    def record(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rows; called by one thread at a time, never on the event loop."""
        ...


class FileSink:
    """Append rows as JSON lines to `<folder>/<table>.jsonl`, which is rotated."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, RotatingFile] = {}

    def record(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows. Raises OSError."""
        path = self._folder / f"{table}.jsonl"
        file = self._files.setdefault(table, RotatingFile(path, _FILE_BYTES, _KEEP))
        file.append(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


class ModelRecords:
    """Collect records without blocking, and write them to the sinks when `flush` is called.

    `dropped` counts the records above `bound` and the records that a sink could not store.
    """

    def __init__(self, sinks: Sequence[RecordSink], bound: int = BOUND) -> None:
        self._sinks = tuple(sinks)
        self._bound = bound
        self._gathered: list[Record] = []
        self._flushing = threading.Lock()
        self._failures = 0
        self.dropped = 0

    def add(self, record: Record) -> None:
        """Add a record; any thread may call this."""
        if len(self._gathered) < self._bound:
            self._gathered.append(record)
        else:
            self.dropped += 1

    def flush(self) -> None:
        """Write the collected records to the sinks."""
        with self._flushing:
            batch = self._gathered[:]
            del self._gathered[: len(batch)]  # keep records that were added meanwhile
            for table, kind in ((PREDICTIONS, Prediction), (TRUTHS, Truth)):
                rows = [_row(each) for each in batch if isinstance(each, kind)]
                for sink in self._sinks if rows else ():
                    self._store(sink, table, rows)

    def _store(self, sink: RecordSink, table: str, rows: list[dict[str, Any]]) -> None:
        try:
            sink.record(table, rows)
            self._failures = 0
        except Exception as error:  # a full disk must not make predictions fail
            self._failures += 1
            self.dropped += len(rows)
            log_repeated(LOGGER, self._failures, error, "Records of models are lost")


def hash_features(features: Mapping[str, str | float]) -> str:
    """Return a hash of features, equal for equal features, as 16 hexadecimal digits."""
    numbers = {
        name: each if isinstance(each, str) else float(each) for name, each in features.items()
    }
    encoded = msgspec.json.encode(numbers, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:16]


def _row(record: Record) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    row["inputs_hash"] = hash_features(record.features)
    if isinstance(record, Prediction):
        row["trace_id"] = f"{record.trace_id:032x}" if record.trace_id else ""
    return row
