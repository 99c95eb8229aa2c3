"""The deadline of a call, as a parameter of its function."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """The time `at` which a call ends with 504, in seconds of the event loop's clock."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def remaining(self) -> float:
        """Return the seconds left, at least 0.0; callable from any thread."""
        return max(0.0, self.at - monotonic())

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.3f} s>"
