"""Log lines are filtered and followed across rotations, while other processes write."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from neurova.logs.base import LogLine
from neurova.logs.encode import encode_lines
from neurova.logs.files import LogFile
from neurova.logs.search import LineFilter, find_lines, follow_lines

START = datetime(2026, 11, 30, tzinfo=UTC)


def line(number: int, **other: Any) -> LogLine:
    values = {"level": "INFO", "logger": "x", "message": f"line {number}"} | other
    return LogLine(START + timedelta(minutes=number), **values)


LINES = [
    line(0, function="booking.create", service="booking", trace_id="a" * 32),
    line(1, function="crm.create", service="crm", level="WARNING"),
    line(2, function="booking.cancel", service="booking", fields={"Room": 3}),
    line(3, level="ERROR", traceback="ValueError: no room"),
]


@pytest.fixture
def log(tmp_path: Path) -> LogFile:
    return LogFile(tmp_path / "neurova.jsonl", max_bytes=400, keep=50)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (LineFilter(), [0, 1, 2, 3]),
        (LineFilter(function="booking"), [0, 2]),
        (LineFilter(function="booking.create"), [0]),
        (LineFilter(trace_id="a" * 32), [0]),
        (LineFilter(level="WARNING"), [1, 3]),
        (LineFilter(since=START + timedelta(minutes=2)), [2, 3]),
        (LineFilter(grep=re.compile("room", re.IGNORECASE)), [2, 3]),
        (LineFilter(function="booking", level="ERROR"), []),
    ],
)
def test_filter_finds_its_lines(log: LogFile, wanted: LineFilter, found: list[int]) -> None:
    for each in LINES:
        log.write(encode_lines([each]))
    assert find_lines(log.path, wanted, 10) == [LINES[number] for number in found]
    assert find_lines(log.path, wanted, 1) == [LINES[number] for number in found[-1:]]


def test_torn_line_does_not_hide_others(log: LogFile) -> None:
    log.write(encode_lines(LINES[:1]))
    with log.path.open("ab") as file:  # like a process that is killed during a write
        file.write(encode_lines(LINES[1:2])[0][1][:50])
    log.write(encode_lines(LINES[2:]))
    assert find_lines(log.path, LineFilter(), 10) == [LINES[0], *LINES[2:]]


def test_following_continues_after_rotations_with_whole_lines(log: LogFile) -> None:
    log.write(encode_lines(LINES[:1]))
    followed = follow_lines(log.path, LineFilter(), 10)
    assert next(followed) == LINES[0]
    assert next(followed) is None
    for number in range(10):  # the file rotates before every second line
        added = line(number, message="x" * 200)
        log.write(encode_lines([added]))
        assert next(each for each in followed if each is not None) == added
    half = encode_lines(LINES[1:2])[0][1]
    with log.path.open("ab") as file:
        file.write(half[:30])
        file.flush()
        assert next(followed) is None
        file.write(half[30:] + b"\n")
    assert next(each for each in followed if each is not None) == LINES[1]
