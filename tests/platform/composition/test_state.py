"""The state folder."""

from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_platform.composition import state


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = state.prepare(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert state.prepare(folder) == folder


def test_a_folder_that_cannot_be_made_is_said_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"neurova\.toml"):
        state.prepare(tmp_path / "file" / "state")
