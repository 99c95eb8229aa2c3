"""The token of the Admin API."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_platform.admin.token import FILE, load


def test_token_is_created_once_and_private(tmp_path: Path) -> None:
    token = load(tmp_path)
    assert len(token) > 40
    assert load(tmp_path) == token
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "short", "two words " * 9, "\n", "é" * 40])
def test_invalid_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(StateError, match="is not an admin token"):
        load(tmp_path)
