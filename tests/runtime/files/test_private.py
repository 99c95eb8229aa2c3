"""Files with mode 0600, and their atomic writes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova.files.private import load_or_create_secret, read_private_file, write_private_file


def test_files_are_private_and_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "state" / "dev.key"
    write_private_file(path, "one")
    write_private_file(path, "two\n")
    assert read_private_file(path) == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    (path / "child").touch()
    with pytest.raises(StateError, match="cannot be written"):
        write_private_file(path, "text")
    assert list(tmp_path.iterdir()) == [path]


def test_unreadable_file_is_none_or_reported(tmp_path: Path) -> None:
    assert read_private_file(tmp_path / "none") is None
    (tmp_path / "bytes").write_bytes(b"\xff")
    for read in (read_private_file, lambda path: load_or_create_secret(path / "key", bytes)):
        with pytest.raises(StateError, match="cannot be read"):
            read(tmp_path / "bytes")


def test_secret_is_created_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert load_or_create_secret(file, lambda: b"first") == b"first"
    assert load_or_create_secret(file, lambda: b"second") == b"first"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_concurrent_creators_get_the_same_secret(tmp_path: Path) -> None:
    secrets: list[bytes] = []
    barrier = threading.Barrier(8)

    def create() -> bytes:
        number = barrier.wait()  # all threads start before a file exists
        return b"%d" % number

    def load() -> None:
        secrets.append(load_or_create_secret(tmp_path / "key", create))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(secrets) == 8
    assert len(set(secrets)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_secret_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"secret text")
    file.chmod(mode)
    with pytest.raises(StateError, match=r"other users may read the file.*: delete it") as raised:
        load_or_create_secret(file, lambda: b"new")
    assert "secret text" not in str(raised.value)
