"""P3: the full call against function frameworks without key, limit, trace and log.

Goals: at most 1/8 of functions-framework's CPU, at most 1/6 of OpenFaaS's python3-http template.
"""

from __future__ import annotations

from . import quote
from .figure import Figure, Goal


def main() -> None:
    """Measure pinned, then free, and write the result."""
    figure = Figure("p3", __doc__)
    goals = [
        Goal("neurova", "functions-framework", 1 / 8),
        Goal("neurova", "OpenFaaS python3-http", 1 / 6),
    ]
    with quote.neurova() as ours:
        contenders = [ours, quote.functions_framework(), quote.openfaas()]
        figure.compare("full call", contenders, goals)
        figure.compare("full call, free", contenders, goals, pin=False)
    figure.write()


if __name__ == "__main__":
    main()
