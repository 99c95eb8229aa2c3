from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neurova_gateway.limits.table import LimitTable

SECOND = 1_000_000_000


class Clock:
    """A clock in nanoseconds that the test moves."""

    def __init__(self, now: int = 1000 * SECOND) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wall() -> Clock:
    return Clock(1_700_000_000 * SECOND)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "limits.table"


@pytest.fixture
def opened(path: Path, clock: Clock, wall: Clock) -> Iterator[Callable[[], LimitTable]]:
    """Return a function that opens the same table again, as another process would."""
    tables: list[LimitTable] = []

    def open_() -> LimitTable:
        tables.append(LimitTable(path, clock=clock, wall=wall))
        return tables[-1]

    yield open_
    for table in tables:
        table.close()


@pytest.fixture
def table(opened: Callable[[], LimitTable]) -> LimitTable:
    return opened()
