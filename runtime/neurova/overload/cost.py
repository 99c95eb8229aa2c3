"""The cost of a function's calls: the event loop time that they use."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from time import perf_counter
from typing import Any

WEIGHT = 1 / 8  # weight of the newest call in the moving mean
MINIMUM = 1e-6  # seconds
MAX_RATIO = 4  # times the mean; count no more, since the machine probably delayed such a call


class Cost:
    """The moving mean of the seconds of event loop time per call; 0.0: unknown."""

    __slots__ = ("is_measured", "seconds")

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.is_measured = False

    def record(self, seconds: float) -> None:
        """Add one call to the mean."""
        mean = self.seconds
        if self.is_measured:
            self.seconds = mean + (min(seconds, mean * MAX_RATIO) - mean) * WEIGHT
        else:
            self.seconds, self.is_measured = max(seconds, MINIMUM), True


class Metered:
    """Await a coroutine and sum the `seconds` of its steps."""

    __slots__ = ("_coroutine", "seconds")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.seconds = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        """Forward values and exceptions in both directions."""
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
