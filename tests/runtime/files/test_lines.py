"""Appended lines stay whole and none is lost, even while processes rotate the file."""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from neurova.files.lines import RotatingFile, append_lines

APPEND_1000 = """
    import sys
    from pathlib import Path
    from neurova.files.lines import RotatingFile
    file = RotatingFile(Path(sys.argv[1]), 2_000, 1_000)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(1_000):
        file.append(f"{sys.argv[2]} {number}\\n".encode())
"""


@pytest.mark.parametrize("durable", [False, True])
def test_appended_lines_stay_whole(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "a.jsonl"
    assert [append_lines(file, line, durable=durable) for line in (b"one\n", b"two\n")] == [4, 8]
    assert file.read_bytes() == b"one\ntwo\n"
    file.write_bytes(b"one\ntw")
    append_lines(file, b"three\n")
    assert file.read_text().splitlines() == ["one", "tw", "three"]  # ends the partial line


def test_full_file_is_rotated_and_old_ones_deleted(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.jsonl", 4, 2)
    for number in range(5):
        file.append(f"{number}...\n".encode())
    contents = {path.name: path.read_text()[0] for path in tmp_path.glob("*.jsonl")}
    assert contents == {"a.1.jsonl": "4", "a.2.jsonl": "3"}


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    RotatingFile(tmp_path / "new" / "a.jsonl", 100, 2).append(b"line\n")
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new" / "a.jsonl").stat().st_mode & 0o077 == 0


def test_full_disk_is_reported_and_later_lines_stay_whole(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "a.jsonl", 1_000, 2)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with pytest.raises(OSError, match="No space"):
            file.append(b"first\nsecond\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    file.append(b"third\n")
    assert (tmp_path / "a.jsonl").read_text().splitlines() == ["first", "seco", "third"]


@pytest.mark.server
def test_no_line_is_lost_when_processes_rotate(tmp_path: Path) -> None:
    path, names = tmp_path / "a.jsonl", "abcd"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(APPEND_1000), str(path), name],
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
    lines = Counter(line for file in files for line in file.read_text().splitlines())
    assert lines == Counter(f"{name} {number}" for name in names for number in range(1_000))
    assert len(files) > 10


def append_many(path: Path) -> None:
    for _ in range(100):
        append_lines(path, (b"x" * 200 + b"\n") * 400)


def test_concurrent_processes_leave_no_blank_line(tmp_path: Path) -> None:
    """A process must not take another's unfinished write for a truncated line."""
    path = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=append_many, args=(path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert set(path.read_bytes().split(b"\n")[:-1]) == {b"x" * 200}
