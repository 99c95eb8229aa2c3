"""After a replay to real workers, the API returns the file's figures to the cent."""

from __future__ import annotations

from pathlib import Path

import pytest
from examples.replay import hotel
from examples.replay.__main__ import main
from examples.replay.figures import Report, entry_of_row, format_tables
from tests.servers.postgres import PostgresServer


@pytest.mark.server
def test_whole_file_is_equal_with_four_workers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--runtimes", "4"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["total", "15,402", "66,527", "104.90", "7,242,474.34"] in printed
    assert ["2017-08", "1,096", "5,542", "203.71", "1,084,737.23"] in printed
    assert ["ta_to", "10,710", "51,065", "105.87", "5,396,341.32"] in printed


@pytest.mark.server
def test_configured_state_folder_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    assert main(["--runtimes", "1", "--only", "500", "--state", str(state)]) == 0
    expected = list(format_tables(Report.of(map(entry_of_row, hotel.rows(only=500)))))
    printed = capsys.readouterr().out.splitlines()
    assert printed[: len(expected)] == expected
    assert (state / "booking.db").is_file()

    assert main(["--state", str(state)]) == 1
    assert "is not empty: choose a new folder" in capsys.readouterr().err


@pytest.mark.server
def test_part_is_equal_on_postgresql(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = postgres.run("SELECT count(*) FROM pg_database")
    assert main(["--runtimes", "4", "--only", "500", "--database", postgres.url]) == 0
    expected = list(format_tables(Report.of(map(entry_of_row, hotel.rows(only=500)))))
    assert capsys.readouterr().out.splitlines()[: len(expected)] == expected
    assert postgres.run("SELECT count(*) FROM pg_database") == before


@pytest.mark.parametrize("value", ["mysql://h/d", "postgresql://h", "booking.db"])
def test_invalid_database_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--database", value]) == 1
    assert "replay: --database" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--runtimes=0"])
    assert "'0' is not a number above 0" in capsys.readouterr().err
