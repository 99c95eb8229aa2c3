"""The lock of a folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from neurova.files.folder_lock import alone


def held(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_it_is_held_in_the_block_and_let_go_however_that_ends(tmp_path: Path) -> None:
    def broken() -> None:
        with alone(tmp_path):
            assert held(tmp_path)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert not held(tmp_path)


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), alone(tmp_path / "none"):
        pass
