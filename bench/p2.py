"""P2: the full call against a hand-built stack: FastAPI, slowapi, OpenTelemetry, loguru.

Goal: at most 1/20 of its CPU. `peers/fastapi_stack/app.py` describes the stack.
"""

from __future__ import annotations

from . import quote
from .figure import Figure, Goal


def main() -> None:
    """Measure pinned, then free, and write the result."""
    figure = Figure("p2", __doc__)
    goals = [Goal("neurova", "FastAPI stack", 1 / 20)]
    with quote.neurova() as ours, quote.fastapi() as theirs:
        figure.compare("full call", [ours, theirs], goals)
        figure.compare("full call, free", [ours, theirs], goals, pin=False)
    figure.write()


if __name__ == "__main__":
    main()
