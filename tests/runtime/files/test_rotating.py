"""Lines of several processes come out whole, once each, whoever rotates their file."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from neurova.files.rotating import RotatingFile

WRITER = """
import sys
from pathlib import Path
from neurova.files.rotating import RotatingFile
file = RotatingFile(Path(sys.argv[1]), 2_000, 1_000)
print("ready", flush=True)
sys.stdin.readline()
for number in range(1_000):
    file.append(f"{sys.argv[2]} {number}\\n".encode())
"""


def test_a_full_file_is_put_aside_and_only_so_many_are_kept(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.jsonl", 4, 2)
    for number in range(5):
        file.append(f"{number}...\n".encode())
    kept = {path.name: path.read_text()[0] for path in tmp_path.glob("*.jsonl")}
    assert kept == {"a.1.jsonl": "4", "a.2.jsonl": "3"}


def test_of_two_that_find_it_full_one_rotates_it(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.jsonl", 100, 5)
    file.append(b"of the next file\n")
    file._rotate()  # as one that found the file before full, a moment later than another
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["a.jsonl"]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    RotatingFile(tmp_path / "new" / "a.jsonl", 100, 2).append(b"line\n")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "a.jsonl").stat().st_mode & 0o077 == 0


def test_lines_that_found_no_room_are_told_and_take_none_with_them(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.jsonl", 1_000, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="No space"):
            file.append(b"first\nsecond\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.append(b"third\n")
    assert (tmp_path / "a.jsonl").read_text().splitlines() == ["first", "seco", "third"]


@pytest.mark.server
def test_no_line_is_lost_when_several_processes_rotate(tmp_path: Path) -> None:
    path, names = tmp_path / "a.jsonl", "abcd"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    assert [writer.communicate("go\n") and writer.returncode for writer in writers] == [0] * 4
    files = list(tmp_path.glob("a*.jsonl"))
    found = Counter(line for file in files for line in file.read_text().splitlines())
    assert found == Counter(f"{name} {number}" for name in names for number in range(1_000))
    assert len(files) > 10
