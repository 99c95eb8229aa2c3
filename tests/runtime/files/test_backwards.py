"""The access log is read newest first, across rotations and during writes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from neurova.files import backwards
from neurova.files.backwards import read_backwards
from neurova_gateway.pipeline.access_log import AccessLog
from neurova_gateway.pipeline.call_records import CallRecord


def decode(line: bytes) -> CallRecord | None:
    try:
        return msgspec.json.decode(line, type=CallRecord)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def write(log: AccessLog, *paths: str) -> None:
    for path in paths:
        log.write([CallRecord(0.0, "GET", path, 200, 1.0, 5, "", "", "", "127.0.0.1", "0" * 32)])


def read_pages(path: Path, count: int) -> list[str]:
    found: list[str] = []
    before = None
    while True:
        records, before = read_backwards(path, decode, count, before)
        assert len(records) <= count
        found += [record.path for record in records]
        if before is None:
            return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.jsonl"


@pytest.mark.parametrize("count", [1, 3, 100])
@pytest.mark.parametrize("block", [300, 1000, backwards.BLOCK])
def test_pages_contain_each_record_once_across_rotations(
    path: Path, count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backwards, "BLOCK", block)
    log, random = AccessLog(path, max_bytes=900), Random(3)
    paths = [f"/{number}/{'x' * random.randint(0, 60)}" for number in range(20)]
    write(log, *paths)
    assert len(list(path.parent.iterdir())) > 2
    assert read_pages(path, count) == paths[::-1]


def test_next_page_continues_after_a_rotation(path: Path) -> None:
    log = AccessLog(path, max_bytes=1500)
    write(log, *(f"/{number}" for number in range(12)))
    records, before = read_backwards(path, decode, 2)
    assert [record.path for record in records] == ["/11", "/10"]
    write(log, *(f"/later{number}" for number in range(8)))
    records, before = read_backwards(path, decode, 3, before)
    assert [record.path for record in records] == ["/9", "/8", "/7"]
    with pytest.raises(LookupError):  # the id of a deleted file
        read_backwards(path, decode, 1, (1, 10))
    assert read_backwards(path.with_name("missing.jsonl"), decode, 5) == ([], None)


def test_bytes_per_page_are_limited_and_the_next_page_continues(path: Path) -> None:
    write(AccessLog(path), *(f"/{number}" for number in range(50)))

    def is_first(line: bytes) -> CallRecord | None:
        record = decode(line)
        return record if record is not None and record.path == "/0" else None

    records, before = read_backwards(path, is_first, 5, budget=2000)
    assert records == []
    rounds = 0
    while before is not None and not records:
        records, before = read_backwards(path, is_first, 5, before, budget=2000)
        rounds += 1
    assert [record.path for record in records] == ["/0"]
    assert rounds > 1


@pytest.mark.parametrize("block", [400, backwards.BLOCK])
@pytest.mark.parametrize(
    "garbage",
    [b'\xff\xfe\n{"time": 1}\n\n[]\n' + b"x" * 1000 + b"\n", b"x" * 5000 + b"\n"],
    ids=["not records", "longer than a block"],
)
def test_lines_that_are_not_records_are_skipped(
    path: Path, garbage: bytes, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backwards, "BLOCK", block)
    log = AccessLog(path)
    write(log, "/a")
    with path.open("ab") as file:
        file.write(garbage)
    write(log, "/b")
    with path.open("ab") as file:
        file.write(b'{"time": 17')  # a partial line of a killed process
    assert read_pages(path, 10) == ["/b", "/a"]
