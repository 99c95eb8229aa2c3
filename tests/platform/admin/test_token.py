"""The token is made once, is private, and a file that others may know is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from neurova.errors import StateError
from neurova_platform.admin.token import FILE, load


def test_it_is_made_once_and_private(tmp_path: Path) -> None:
    token = load(tmp_path)
    assert len(token) > 40
    assert load(tmp_path) == token
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_those_who_start_together_hold_one_token(tmp_path: Path) -> None:
    gate, found = threading.Barrier(8), []

    def start() -> None:
        gate.wait()
        found.append(load(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_one_that_others_may_read_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    token = load(tmp_path)
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(StateError, match="delete it") as refused:
        load(tmp_path)
    assert token not in str(refused.value)


@pytest.mark.parametrize("text", ["", "short", "two words " * 9, "\n"])
def test_what_is_no_token_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(StateError, match="cut short or no token"):
        load(tmp_path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir(0o700)
    with pytest.raises(StateError, match="cannot be read"):
        load(tmp_path)
