"""Access records: gathered on the way, written off it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

import msgspec

from neurova.files.lines import RotatingFile
from neurova.http.call import Call
from neurova.http.caller import ANONYMOUS
from neurova.telemetry.redact import masked


class Record(msgspec.Struct, frozen=True, gc=False):
    """One call as it is written: `time` in Unix seconds, `ms` from head to reply."""

    time: float
    method: str
    path: str
    status: int
    ms: float
    bytes: int
    route: str
    consumer: str
    key_id: str
    client: str
    trace_id: str


_PARTS = 10  # of a record, as they are gathered


class AccessLog:
    """Gather records and write them as JSON lines every `interval` seconds on a thread.

    The interval is short because calls wait for the interpreter while a batch is encoded.
    The file rotates at `max_bytes`, `keep` old ones stay. A full disk or a writer that lags behind
    costs records, never calls: they are counted in `dropped`, those that the thread took in
    `flushed`. `watch` sees each batch.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        interval: float = 0.05,
        max_bytes: int = 64 << 20,
        keep: int = 5,
        bound: int = 100_000,
        watch: Callable[[list[Record]], None] | None = None,
    ) -> None:
        self._file = None if path is None else RotatingFile(path, max_bytes, keep)
        self._interval = interval
        self._bound = bound * _PARTS
        self._watch = watch
        # Flat, one record behind the other: a tuple each would set the garbage collector off.
        self._gathered: list[Any] = []
        self._wake = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped = 0
        self.flushed = 0

    def add(self, call: Call, status: int, size: int) -> None:
        """Note a call that has been answered; 499 stands for a client that left."""
        gathered = self._gathered
        if len(gathered) >= self._bound:
            self.dropped += 1
            return
        gathered += (
            call.started, time(), call.method, call.raw_path, status, size,
            call.route, call.caller, call.client, call.trace_id,
        )  # fmt: skip

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end."""
        if self._thread is not None:
            self._wake.set()
            self._thread.join()
            self._thread = None
        self.flush()

    def flush(self) -> None:
        """Write all that was gathered until now."""
        with self._writing:
            gathered = self._gathered
            batch = gathered[:]
            del gathered[: len(batch)]  # not what came meanwhile
            if not batch:
                return
            self.flushed += len(batch) // _PARTS
            records = _records(batch)
            if self._file is not None:
                try:
                    self._file.append(msgspec.json.Encoder().encode_lines(records))
                except OSError:
                    self.dropped += len(records)
            if self._watch is not None:
                self._watch(records)

    def _run(self) -> None:
        while not self._wake.wait(self._interval):
            self.flush()


def _records(batch: list[Any]) -> list[Record]:
    """Return the records of a flat batch; its few paths are read once each."""
    paths = _Paths()
    parts = iter(batch)
    return [
        Record(
            began,
            method,
            paths[path],
            status,
            # Half the cost of `round`. Not below 0, also where the wall clock was set back.
            int((ended - began) * 1_000_000) / 1000 if ended > began else 0.0,
            size,
            "" if route is None else route.name,
            (caller or ANONYMOUS).consumer,
            (caller or ANONYMOUS).key_id,
            client,
            trace.to_bytes(16, "big").hex(),
        )
        for began, ended, method, path, status, size, route, caller, client, trace in zip(
            *[parts] * _PARTS, strict=True
        )
    ]


class _Paths(dict[bytes, str]):
    """Give raw paths as text, without what looks like a key."""

    def __missing__(self, path: bytes) -> str:
        self[path] = text = masked(path.decode("ascii", "backslashreplace"))
        return text
