"""Calls never wait for a log store: lines are queued in a bound, retried, or counted as lost."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from neurova.errors import StateError, Unavailable
from neurova.logs import shipper
from neurova.logs.base import Encoded, LogLine
from neurova.logs.encode import encode_lines
from neurova.logs.shipper import Shipper


def lines(count: int, first: int = 0) -> list[Encoded]:
    numbers = range(first, first + count)
    return encode_lines([LogLine(datetime.now(UTC), "INFO", "x", str(each)) for each in numbers])


class Store:
    """Produce the scripted outcomes, then store; writes block while `is_open` is not set."""

    def __init__(self, *script: Exception | int) -> None:
        self.script = list(script)
        self.stored: list[str] = []
        self.is_open, self.begun = threading.Event(), threading.Event()
        self.is_open.set()

    def write(self, batch: Sequence[Encoded]) -> int:
        self.begun.set()
        assert self.is_open.wait(30)
        outcome = self.script.pop(0) if self.script else 0
        if isinstance(outcome, Exception):
            raise outcome
        self.stored += [line.message for line, _ in batch[outcome:]]
        return outcome

    def check(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipper, "LINGER", 0.01)
    monkeypatch.setattr(shipper, "FIRST_DELAY", 0.01)


@pytest.mark.parametrize(
    ("script", "lost"),
    [
        ([], 0),
        ([Unavailable("down"), Unavailable("down")], 0),
        ([3], 3),
        ([StateError("invalid")], 100),
    ],
    ids=["works", "down, then up", "refuses some", "refuses all"],
)
def test_each_line_is_stored_or_counted(script: list[Exception | int], lost: int) -> None:
    store = Store(*script)
    sending = Shipper("x", store)
    sending.start()
    sending.add(lines(100))
    sending.stop(10)
    assert store.stored == [str(number) for number in range(lost, 100)]
    assert sending.lost == lost


def test_hung_store_delays_nobody_and_drops_the_oldest() -> None:
    store = Store()
    store.is_open.clear()
    batch = lines(100)
    size = sum(len(json) for _, json in batch)
    sending = Shipper("x", store, max_bytes=3 * size)
    sending.start()
    sending.add(batch)
    assert store.begun.wait(10)
    for number in range(1, 11):
        sending.add(lines(100, number * 100))
    assert 600 <= sending.lost <= 800
    sending.stop(0.01)  # the store still blocks
    assert sending.lost == 1100
    store.is_open.set()
