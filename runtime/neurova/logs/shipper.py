"""Send log lines to a store from a thread, so that no caller waits for the store."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from random import uniform

from ..errors import NeurovaError, Unavailable
from .base import Encoded, LogStore

LOGGER = logging.getLogger("neurova.logs")
MAX_BYTES = 16 << 20
"""Maximum number of waiting bytes; beyond it, the oldest lines are dropped."""
BATCH_BYTES = 1 << 20
LINGER = 1.0  # seconds that a batch waits for more lines
FIRST_DELAY, MAX_DELAY = 0.5, 30.0  # seconds between two attempts


class Shipper:
    """Send lines to `store` in batches, in order; retry with backoff while it is down.

    `name` names the store in logs and metrics; `lost` counts the lines it did not receive.
    """

    def __init__(self, name: str, store: LogStore, max_bytes: int = MAX_BYTES) -> None:
        self.name = name
        self._store = store
        self._max_bytes = max_bytes
        self._waiting: deque[Encoded] = deque()
        self._bytes = 0
        self._sending = 0  # lines of the batch that is being sent
        self.lost = 0
        self._failures = 0  # in a row
        self._is_hurried = False
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._stops_at = math.inf
        self._thread = threading.Thread(target=self._run, name="log-shipper", daemon=True)

    def start(self) -> None:
        """Start the thread that sends."""
        self._thread.start()

    def add(self, lines: Sequence[Encoded]) -> None:
        """Queue lines; drop the oldest lines above `max_bytes`."""
        with self._changed:
            self._waiting.extend(lines)
            self._bytes += sum(len(json) for _, json in lines)
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._waiting.popleft()[1])
                self.lost += 1
            if self._bytes >= BATCH_BYTES:
                self._changed.notify()

    def flush(self, timeout: float) -> None:
        """Send the waiting lines within `timeout` seconds; give up when the store fails."""
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._failures or not self._count(), timeout)
            self._is_hurried = False

    def stop(self, timeout: float) -> None:
        """Send the waiting lines within `timeout` seconds; count the rest as lost."""
        with self._changed:
            self._stops_at = time.monotonic() + timeout
            self._stopping.set()
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            self.lost += self._count()
            self._waiting.clear()

    def _count(self) -> int:
        return len(self._waiting) + self._sending

    def _run(self) -> None:
        while batch := self._next_batch():
            while not self._send(batch, self._failures):
                with self._changed:
                    self._failures += 1
                    self._changed.notify_all()
                longest = min(MAX_DELAY, FIRST_DELAY * 2 ** (self._failures - 1))
                delay = uniform(0.5, 1) * longest  # noqa: S311 - not a secret
                if self._stopping.wait(delay):
                    time.sleep(FIRST_DELAY)
                    if time.monotonic() >= self._stops_at:
                        return  # `stop` counts these lines as lost
            with self._changed:
                self._failures = self._sending = 0
                self._changed.notify_all()

    def _next_batch(self) -> list[Encoded]:
        """Wait for lines and return a batch; it is empty after `stop`, when all are sent."""
        with self._changed:
            while not self._stopping.is_set() and self._bytes < BATCH_BYTES:
                if self._waiting and self._is_hurried:
                    break
                if not self._changed.wait(LINGER) and self._waiting:
                    break
            batch: list[Encoded] = []
            size = 0
            while self._waiting and size < BATCH_BYTES:
                batch.append(self._waiting.popleft())
                size += len(batch[-1][1])
            self._bytes -= size
            self._sending = len(batch)
            return batch

    def _send(self, batch: list[Encoded], failures: int) -> bool:
        """Write a batch; return False to retry it. Of consecutive failures, log only the first."""
        try:
            refused = self._store.write(batch)
        except Unavailable as error:
            if not failures:
                LOGGER.warning("Log lines for %s wait: %s", self.name, error)
            return False
        except NeurovaError as error:
            LOGGER.error("Log lines for %s are lost: %s", self.name, error)
            refused = len(batch)
        if refused:
            with self._changed:
                self.lost += refused
        return True
