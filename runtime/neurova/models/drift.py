"""Compare the features of live calls with the training data: PSI and KS.

`summarise` runs at training time; its result is stored with the version, so that the training data
itself is not needed later.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .flavour import Features

QUANTILES = 100
BINS = 10
MAX_CATEGORIES = 20
OTHER = "(other)"
MIN_ROWS = 100
"""With fewer live rows, chance alone looks like drift."""
PSI_MODERATE, PSI_LARGE = 0.1, 0.25  # the usual thresholds
_SMALLEST_SHARE = 1e-4  # instead of 0 for an empty bin, because PSI takes the logarithm


class FeatureDrift(NamedTuple):
    """The drift of one feature. `ks` and its `p_value` are None for text."""

    feature: str
    psi: float
    ks: float | None
    p_value: float | None
    verdict: str


def summarise(rows: Sequence[Features]) -> dict[str, Any]:
    """Return a summary of rows as JSON values: quantiles of numbers, shares of texts."""
    columns: dict[str, list[str | float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    features = {name: _summarise_column(values) for name, values in sorted(columns.items())}
    return {"rows": len(rows), "features": features}


def compare(summary: Mapping[str, Any], rows: Sequence[Features]) -> list[FeatureDrift]:
    """Return the drift of each feature of the summary, largest first."""
    found = []
    for name, expected in summary.get("features", {}).items():
        values = [row[name] for row in rows if name in row]
        if "shares" in expected:
            drift, ks, p_value = _psi_of_texts(expected["shares"], values), None, None
        else:
            numbers = sorted(float(value) for value in values if not isinstance(value, str))
            drift = _psi_of_numbers(expected["quantiles"], numbers)
            ks = _ks(expected["quantiles"], numbers)
            p_value = _ks_p_value(ks, summary["rows"], len(numbers))
        found.append(FeatureDrift(name, drift, ks, p_value, _verdict(drift, len(values))))
    return sorted(found, key=lambda each: -each.psi)


def _summarise_column(values: Sequence[str | float]) -> dict[str, Any]:
    if any(isinstance(value, str) for value in values):
        counts = Counter(str(value) for value in values).most_common()
        shares = {value: count / len(values) for value, count in counts[:MAX_CATEGORIES]}
        rest = sum(count for _, count in counts[MAX_CATEGORIES:])
        return {"shares": {**shares, OTHER: rest / len(values)}}
    numbers = sorted(map(float, values))
    last = len(numbers) - 1
    return {"quantiles": [numbers[round(last * k / QUANTILES)] for k in range(QUANTILES + 1)]}


def _psi_of_texts(shares: Mapping[str, float], values: Sequence[str | float]) -> float:
    counts = Counter(str(value) if str(value) in shares else OTHER for value in values)
    return _psi(list(shares.values()), [counts[name] for name in shares])


def _psi_of_numbers(quantiles: Sequence[float], numbers: Sequence[float]) -> float:
    """Return the PSI over the bins between deciles; equal deciles count as one."""
    edges = sorted(set(quantiles[:: QUANTILES // BINS]))
    expected = _shares_below(quantiles, edges)
    actual = [bisect.bisect_right(numbers, edge) for edge in edges]
    counts = [high - low for low, high in zip([0, *actual], [*actual, len(numbers)], strict=True)]
    wanted = [high - low for low, high in zip([0.0, *expected], [*expected, 1.0], strict=True)]
    return _psi(wanted, counts)


def _psi(expected: Sequence[float], counts: Sequence[int]) -> float:
    total = sum(counts)
    if not total:
        return 0.0
    pairs = [
        (max(share, _SMALLEST_SHARE), max(count / total, _SMALLEST_SHARE))
        for share, count in zip(expected, counts, strict=True)
    ]
    return sum((actual - share) * math.log(actual / share) for share, actual in pairs)


def _shares_below(quantiles: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Return the share of the training data up to and including each edge."""
    last = len(quantiles) - 1
    return [max(bisect.bisect_right(quantiles, edge) - 1, 0) / last for edge in edges]


def _ks(quantiles: Sequence[float], numbers: Sequence[float]) -> float:
    """Return the largest difference of the distribution functions, to about 1 / QUANTILES."""
    if not numbers:
        return 0.0
    edges = sorted({*quantiles, *numbers[:: max(1, len(numbers) // QUANTILES)]})
    expected = _shares_below(quantiles, edges)
    actual = [bisect.bisect_right(numbers, edge) / len(numbers) for edge in edges]
    return max(abs(a - b) for a, b in zip(expected, actual, strict=True))


def _ks_p_value(ks: float, first: int, second: int) -> float:
    """Return the p-value of a KS distance, by Kolmogorov's asymptotic series."""
    if not first or not second:
        return 1.0
    scaled = ks * math.sqrt(first * second / (first + second))
    if scaled < 0.3:  # the p-value is above 0.999, and the series converges slowly
        return 1.0
    terms = (math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    series = sum(term if k % 2 == 0 else -term for k, term in enumerate(terms))
    return min(1.0, max(0.0, 2 * series))


def _verdict(psi: float, rows: int) -> str:
    if rows < MIN_ROWS:
        return "too few rows"
    if psi >= PSI_LARGE:
        return "drift"
    return "watch" if psi >= PSI_MODERATE else "ok"
