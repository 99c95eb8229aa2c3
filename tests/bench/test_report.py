"""Results are said plainly: machine, goal, miss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench import report


def test_the_processor_is_named_as_the_system_names_it() -> None:
    assert report.processor("processor : 0\nmodel name\t: Some CPU @ 2:0\n") == "Some CPU @ 2:0"


def test_columns_line_up_with_numbers_to_the_right() -> None:
    shown = report.table(("", "CPU"), [("raw", 9.5), ("a longer name", 100.25)])
    assert shown.splitlines() == [
        "                  CPU",
        "-------------  ------",
        "raw               9.5",
        "a longer name  100.25",
    ]


@pytest.mark.parametrize(("value", "met", "word"), [(1.15, True, "met"), (1.16, False, "MISSED")])
def test_a_miss_is_said_plainly(
    capsys: pytest.CaptureFixture[str], value: float, met: bool, word: str
) -> None:
    assert report.verdict("it", value, 1.15)["met"] is met
    assert capsys.readouterr().out.strip().endswith(word)


def test_a_quick_run_leaves_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.keep("p0", "P0: nothing.", {}, wanted=False)
    assert list(tmp_path.iterdir()) == []


def test_a_result_has_a_date_and_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.keep("p0", "P0: nothing.\n\nMore.", {"goals": []}, wanted=True)
    kept = json.loads((tmp_path / "p0.json").read_text())
    assert (kept["name"], kept["about"], kept["goals"]) == ("p0", "P0: nothing.", [])
    assert kept["date"].endswith("+00:00")
