"""Private files: theirs alone, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova.files import private


def test_a_file_is_0600_in_a_folder_0700_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state" / "dev.key"
    private.write(path, "one")
    private.write(path, "two\n")
    assert private.read(path) == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    (path / "child").touch()
    with pytest.raises(StateError, match="cannot be written"):
        private.write(path, "text")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_there_reads_as_none(tmp_path: Path) -> None:
    assert private.read(tmp_path / "none") is None
    (tmp_path / "bytes").write_bytes(b"\xff")
    with pytest.raises(StateError, match="cannot be read"):
        private.read(tmp_path / "bytes")


def test_a_lock_is_0600_and_had_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with private.locked(path) as first, private.locked(path) as second:
        assert first is not None
        assert second is None
        assert path.stat().st_mode & 0o777 == 0o600
    with private.locked(path) as again:
        assert again is not None


def test_a_lock_that_cannot_be_made_says_the_fix(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="let this user write"), private.locked(tmp_path / "a/b"):
        pass
