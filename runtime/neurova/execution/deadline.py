"""Until when a call is worth working on."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """Tell how long a function has: `at` is on the event loop's clock, in seconds."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    def remaining(self) -> float:
        """Return the seconds that are left, 0.0 when there are none; right in any thread."""
        return max(0.0, self.at - monotonic())

    def __repr__(self) -> str:
        return f"<Deadline in {self.remaining():.3f} s>"
