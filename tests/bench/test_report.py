"""Results name the machine, the goal and a miss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench import report


@pytest.mark.parametrize(("value", "met", "word"), [(1.15, True, "met"), (1.16, False, "MISSED")])
def test_missed_goal_is_printed(
    capsys: pytest.CaptureFixture[str], value: float, met: bool, word: str
) -> None:
    assert report.judge("it", value, 1.15)["met"] is met
    assert capsys.readouterr().out.strip().endswith(word)


def test_quick_run_writes_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.write("p0", "P0: nothing.", {}, is_full=False)
    assert list(tmp_path.iterdir()) == []


def test_result_has_date_and_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.write("p0", "P0: nothing.\n\nMore.", {"goals": []}, is_full=True)
    kept = json.loads((tmp_path / "p0.json").read_text())
    assert (kept["name"], kept["about"], kept["goals"]) == ("p0", "P0: nothing.", [])
    assert kept["date"].endswith("+00:00")
