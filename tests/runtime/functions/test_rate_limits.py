"""Parsing rate limits from text, and formatting them."""

import pytest

from neurova.functions.rate_limits import Window, parse_limit


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("60/minute", [Window(60, 60)]),
        ("1000/day, 10/second", [Window(10, 1), Window(1000, 86_400)]),
        (" 5 / 10 seconds ", [Window(5, 10)]),
        ("1/2hours", [Window(1, 7200)]),
        ("7/month", [Window(7, 2_592_000)]),
    ],
)
def test_windows_come_shortest_first(text: str, windows: list[Window]) -> None:
    assert list(parse_limit(text)) == windows
    for window in windows:
        assert list(parse_limit(str(window))) == [window]


@pytest.mark.parametrize(
    "text", ["", "60", "60/", "0/minute", "1/0 minutes", "-1/day", "1.5/day", "1/year", "1/day,"]
)
def test_invalid_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r'is not a limit: write "60/minute"'):
        parse_limit(text)
