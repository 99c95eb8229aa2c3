"""Reading neurova.toml, and finding the line that sets a key."""

from __future__ import annotations

import pytest

from neurova_platform.settings.sources import find_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[gateway]\nport = 1\n", 2),
        ("gateway.port = 1\n", 1),
        ("# port\n[ gateway ] # here\n\n port=1", 4),
        ("gateway = { port = 1 }\n", 1),
        ("[runtime]\nport = 1\n", 0),
    ],
)
def test_line_of_a_key_is_found_in_every_spelling(text: str, line: int) -> None:
    assert find_line(text, "gateway.port") == line
