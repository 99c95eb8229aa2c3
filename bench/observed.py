"""An observed call: the full call with one log line of the function, 10 % of the calls traced.

Against an empty one, raw ASGI on stock uvicorn, and FastAPI with loguru and OpenTelemetry, which
writes one line per request and traces 10 % too. Goal: at most 2 x the CPU of raw ASGI.
"""

from __future__ import annotations

from . import quote
from .figure import Figure, Goal


def main() -> None:
    """Measure pinned and write the result."""
    figure = Figure("observed", __doc__)
    goals = [Goal("neurova, observed", "raw ASGI", 2.0)]
    with quote.neurova() as plain, quote.neurova(logs=True) as ours, quote.fastapi() as fastapi:
        contenders = [ours, plain, quote.raw_asgi(), fastapi]
        figure.compare("observed call", contenders, goals)
    figure.write()


if __name__ == "__main__":
    main()
