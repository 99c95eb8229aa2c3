"""What all processes counted is one sum, which never goes back."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.metrics.test_counting import record

from neurova_gateway.metrics.counting import Counting
from neurova_gateway.metrics.totals import read
from neurova_gateway.metrics.worker_file import claim


def test_of_no_seat_all_is_zero(tmp_path: Path) -> None:
    totals = read(tmp_path / "missing")
    assert (totals.workers, totals.calls, totals.dropped, totals.in_flight) == ([], {}, 0, 0)


def test_seats_are_summed_and_a_replaced_process_takes_nothing_away(tmp_path: Path) -> None:
    seen = 0
    for round_ in range(1, 6):  # a rolling restart: the new one begins before the old one ends
        old, new = Counting(claim(tmp_path)), Counting(claim(tmp_path))
        old.watch([record(time=1000)] * 3)
        new.watch([record(time=1000)] * 4)
        both = read(tmp_path)
        assert both.calls["a.b", "GET", 200] == 7 * round_ >= seen
        assert both.last(1, 1001)[0] == [0, 7 * round_, 0, 0, 0]
        assert len(both.workers) == 2
        old.close()
        seen = read(tmp_path).calls["a.b", "GET", 200]
        assert seen == 7 * round_
        new.close()
    assert len(list(tmp_path.iterdir())) == 2  # as many files as lived at once
