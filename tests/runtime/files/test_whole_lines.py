"""Lines stay lines, whoever has cut one short; a full disk is in test_rotating.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.files.whole_lines import append


@pytest.mark.parametrize("durable", [False, True])
def test_it_tells_how_large_the_file_is(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "a.jsonl"
    assert [append(file, line, durable=durable) for line in (b"one\n", b"two\n")] == [4, 8]
    assert file.read_bytes() == b"one\ntwo\n"


def test_what_another_process_left_of_a_line_takes_none_with_it(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\ntw")
    append(file, b"three\n")
    assert file.read_text().splitlines() == ["one", "tw", "three"]
