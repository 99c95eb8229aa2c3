"""Replayed to real runtimes, the file comes back through the API to the cent."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples.replay import hotel
from examples.replay.__main__ import main
from examples.replay.figures import Report, of_row
from examples.replay.table import lines
from tests.servers.postgres import PostgresServer


@pytest.mark.server
def test_the_whole_file_comes_back_through_four_runtimes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--runtimes", "4"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["total", "15,402", "66,527", "104.90", "7,242,474.34"] in told
    assert ["2017-08", "1,096", "5,542", "203.71", "1,084,737.23"] in told
    assert ["ta_to", "10,710", "51,065", "105.87", "5,396,341.32"] in told


@pytest.mark.server
def test_a_part_comes_back_through_one_runtime_into_a_state_that_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert main(["--runtimes", "1", "--only", "500", "--state", str(state)]) == 0
    expected = list(lines(Report.of(map(of_row, hotel.rows(only=500)))))
    told = capsys.readouterr().out.splitlines()
    assert told[: len(expected)] == expected
    assert (state / "booking.db").is_file()

    assert main(["--state", str(state)]) == 1
    assert "is not empty: name a new folder" in capsys.readouterr().err


@pytest.mark.server
def test_a_part_comes_back_through_four_runtimes_on_postgresql(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = postgres.run("SELECT count(*) FROM pg_database")
    assert main(["--runtimes", "4", "--only", "500", "--database", postgres.url]) == 0
    expected = list(lines(Report.of(map(of_row, hotel.rows(only=500)))))
    assert capsys.readouterr().out.splitlines()[: len(expected)] == expected
    assert postgres.run("SELECT count(*) FROM pg_database") == before


@pytest.mark.parametrize("wrong", ["mysql://h/d", "postgresql://h", "booking.db"])
def test_a_database_that_cannot_be_is_named(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--database", wrong]) == 1
    assert "replay: --database" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["0", "-1", "two"])
def test_a_number_that_cannot_be_is_named(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([f"--runtimes={wrong}"])
    assert caught.value.code == 2
    assert f"'{wrong}' is no number above 0" in capsys.readouterr().err
