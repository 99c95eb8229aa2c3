"""Files that hold what opens doors."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from neurova.files.secret_file import Exposed, kept


def test_it_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert kept(file, lambda: b"first") == kept(file, lambda: b"second") == b"first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_of_many_that_make_it_together_all_hold_the_same(tmp_path: Path) -> None:
    found: list[bytes] = []
    ready = threading.Barrier(8)

    def make(number: int) -> bytes:
        ready.wait()  # all have seen that there is no file
        return b"%d" % number

    threads = [
        threading.Thread(target=lambda n=n: found.append(kept(tmp_path / "key", lambda: make(n))))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_one_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"known")
    file.chmod(0o640)
    with pytest.raises(Exposed):
        kept(file, lambda: b"new")


def test_a_missing_folder_is_the_disks_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        kept(tmp_path / "none" / "key", lambda: b"new")
