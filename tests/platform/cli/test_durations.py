"""Durations on the command line."""

from __future__ import annotations

import click
import pytest

from neurova_platform.cli.durations import Duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000), ("0s", 0)]
)
def test_duration_is_parsed(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1 h", "1H", "-1h", "1.5h", "1w"])
def test_invalid_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match='write "90s"'):
        Duration().convert(text, None, None)
