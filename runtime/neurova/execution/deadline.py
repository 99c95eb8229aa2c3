"""The deadline of a call, as a parameter of its function."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """The deadline of a call: at the event-loop time `at`, in seconds, it ends with a 504."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def remaining(self) -> float:
        """Return the seconds left, at least 0.0; callable from any thread."""
        return max(0.0, self.at - monotonic())

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.3f} s>"
