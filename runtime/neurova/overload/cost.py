"""What a call of a function costs the event loop."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from time import perf_counter
from typing import Any

WEIGHT = 1 / 8  # of the newest call in the mean
LEAST = 1e-6  # seconds
MOST = 4  # times the mean that one call may count: one during which the machine stood still


class Cost:
    """Know how many seconds a call keeps the loop busy, a moving mean; 0.0: nobody knows."""

    __slots__ = ("measured", "seconds")

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.measured = False

    def took(self, seconds: float) -> None:
        """Note one more call."""
        known = self.seconds
        if self.measured:
            self.seconds = known + (min(seconds, known * MOST) - known) * WEIGHT
        else:
            self.seconds, self.measured = max(seconds, LEAST), True


class Metered:
    """Await a coroutine as if it were awaited itself, and sum up the `seconds` its steps take."""

    __slots__ = ("_coroutine", "seconds")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass everything on, in both directions."""
        send, throw = self._coroutine.send, self._coroutine.throw
        value: Any = None
        raised: BaseException | None = None
        while True:
            began = perf_counter()
            try:
                waited = send(value) if raised is None else throw(raised)
            except StopIteration as stop:
                return stop.value
            finally:
                self.seconds += perf_counter() - began
                raised = None
            try:
                value = yield waited
            except BaseException as error:
                raised = error
