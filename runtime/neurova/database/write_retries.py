"""Whether writers go side by side, or one at a time because they would clash."""

from __future__ import annotations

WEIGHT = 0.1  # of the latest end
CROWDED = 0.3  # share of attempts that clashed, above which writers go one at a time
FADING = 0.98  # how a share fades with each that went alone, so that side by side is tried again


class Crowd:
    """Remember how often attempts that went side by side had to be run again."""

    def __init__(self) -> None:
        self._share = 0.0

    def crowded(self) -> bool:
        """Tell whether the next writer better goes alone from the start."""
        return self._share > CROWDED

    def clashed(self) -> None:
        """Count an attempt that has to be run again."""
        self._share += WEIGHT * (1.0 - self._share)

    def lasted(self, *, alone: bool) -> None:
        """Count an attempt that came through; one that went alone says little."""
        self._share *= FADING if alone else 1.0 - WEIGHT
