"""The newest records come first, over rotations, while others write."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from neurova_gateway.admin import tail
from neurova_gateway.admin.tail import back
from neurova_gateway.pipeline.access_log import AccessLog
from neurova_gateway.pipeline.call_records import CallRecord


def anything(_: CallRecord) -> bool:
    return True


def write(log: AccessLog, *paths: str) -> None:
    for path in paths:
        log.write([CallRecord(0.0, "GET", path, 200, 1.0, 5, "", "", "", "127.0.0.1", "0" * 32)])


def walked(path: Path, count: int, **options: int) -> list[str]:
    found: list[str] = []
    before = None
    while True:
        records, before = back(path, anything, count, before, **options)  # type: ignore[arg-type]
        assert len(records) <= count
        found += [record.path for record in records]
        if before is None:
            return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.jsonl"


def test_of_no_file_there_is_nothing(path: Path) -> None:
    assert back(path, anything, 5) == ([], None)


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("block", [300, 1000, tail.BLOCK])
def test_all_come_once_newest_first_over_rotated_files(
    path: Path, count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "BLOCK", block)
    log, random = AccessLog(path, max_bytes=900), Random(3)
    paths = [f"/{number}/{'x' * random.randint(0, 60)}" for number in range(20)]
    write(log, *paths)
    assert len(list(path.parent.iterdir())) > 2
    assert walked(path, count) == paths[::-1]


def test_a_page_goes_on_where_the_last_one_ended_though_the_file_grew_and_was_rotated(
    path: Path,
) -> None:
    log = AccessLog(path, max_bytes=1500)
    paths = [f"/{number}" for number in range(12)]
    write(log, *paths)
    records, before = back(path, anything, 2)
    assert [record.path for record in records] == ["/11", "/10"]
    write(log, *(f"/later{number}" for number in range(8)))
    records, before = back(path, anything, 3, before)
    assert [record.path for record in records] == ["/9", "/8", "/7"]


def test_a_place_whose_file_is_gone_is_told(path: Path) -> None:
    write(AccessLog(path), "/a")
    with pytest.raises(LookupError):
        back(path, anything, 1, (1, 10))


def test_what_is_read_for_a_page_is_bounded_and_the_next_goes_on(path: Path) -> None:
    write(AccessLog(path), *(f"/{number}" for number in range(50)))
    records, before = back(path, lambda record: record.path == "/0", 5, budget=2000)
    assert records == []
    assert before is not None
    rounds = 0
    while before is not None and not records:
        records, before = back(path, lambda record: record.path == "/0", 5, before, budget=2000)
        rounds += 1
    assert [record.path for record in records] == ["/0"]
    assert rounds > 1


def test_lines_that_are_no_record_are_passed_over(path: Path) -> None:
    log = AccessLog(path)
    write(log, "/a")
    with path.open("ab") as file:
        file.write(b'\xff\xfe\n{"time": 1}\n\n[]\n' + b"x" * 1000 + b"\n")
    write(log, "/b")
    with path.open("ab") as file:
        file.write(b'{"time": 17')  # a process that was killed within its write
    assert walked(path, 10) == ["/b", "/a"]


def test_a_line_longer_than_a_block_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "BLOCK", 400)
    log = AccessLog(path)
    write(log, "/a")
    with path.open("ab") as file:
        file.write(b"x" * 5000 + b"\n")
    write(log, "/b")
    assert walked(path, 10) == ["/b", "/a"]
