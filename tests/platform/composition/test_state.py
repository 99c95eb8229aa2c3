"""The state folder."""

from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_platform.composition import state


def test_only_the_owner_may_enter_the_folder(tmp_path: Path) -> None:
    folder = state.prepare(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert state.prepare(folder) == folder


def test_folder_that_cannot_be_created_names_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"neurova\.toml"):
        state.prepare(tmp_path / "file" / "state")
