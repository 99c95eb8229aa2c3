"""P1: a full call against an empty one: raw ASGI on stock uvicorn, uvloop and httptools.

Full: key, scopes, two strict windows, trace context, access record, validation, JSON, RateLimit
fields. Goal: at most 1.15 x the CPU, with server and load on separate cores; ideally 1.0 x.
"Lean" is raw ASGI without uvicorn's default proxy-header middleware.
"""

from __future__ import annotations

from . import quote
from .figure import Figure, Goal


def main() -> None:
    """Measure pinned, then free, and write the result."""
    figure = Figure("p1", __doc__)
    goals = [Goal("neurova", "raw ASGI", 1.15), Goal("neurova", "raw ASGI, lean", 1.15)]
    with quote.neurova() as ours:
        lean = quote.raw_asgi("raw ASGI, lean", "--no-proxy-headers")
        contenders = [ours, quote.raw_asgi(), lean]
        figure.compare("full call", contenders, goals)
        figure.compare("full call, free", contenders, goals, pin=False)
    figure.write()


if __name__ == "__main__":
    main()
