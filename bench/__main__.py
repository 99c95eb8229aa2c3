"""Measure all figures: `python -m bench`, `python -m bench --quick`."""

from __future__ import annotations

from . import (
    aws_lambda,
    codec,
    models,
    observed,
    overload,
    p1,
    p2,
    p3,
    p4,
    p5,
    p6,
    p7,
    p8,
    p9,
    p11,
    p14,
    summary,
)

FIGURES = (
    p1,
    p2,
    p3,
    p4,
    p5,
    p6,
    p7,
    p8,
    p9,
    codec,
    models,
    aws_lambda,
    p11,
    p14,
    observed,
    overload,
)


def main() -> None:
    """Measure all figures; each parses the same command line."""
    for figure in FIGURES:
        figure.main()
    summary.main()


if __name__ == "__main__":
    main()
