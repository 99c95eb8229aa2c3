"""Lines are bounded in memory, and each lost line is counted."""

from pathlib import Path

import msgspec
import pytest

from neurova.logs.files import LogFile
from neurova.logs.writer import LogWriter
from neurova.telemetry.log import Log


def written(path: Path) -> list[str]:
    return [msgspec.json.decode(line)["message"] for line in path.read_bytes().splitlines()]


def test_lines_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    writer = LogWriter(LogFile(tmp_path / "neurova.jsonl"), bound=3)
    for number in range(5):
        Log("shop.f", sink=writer).info(str(number))
    writer.flush()
    Log("shop.f", sink=writer).info("later")
    writer.flush()
    assert written(tmp_path / "neurova.jsonl") == ["0", "1", "2", "later"]
    assert writer.lost == 2


def test_lines_that_the_disk_refuses_are_counted_when_it_has_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "logs"
    folder.touch()  # a file in the place of the folder
    writer = LogWriter(LogFile(folder / "neurova.jsonl"))
    Log("shop.f", sink=writer).info("lost")
    writer.flush()
    folder.unlink()
    Log("shop.f", sink=writer).info("kept")
    writer.flush()
    assert written(folder / "neurova.jsonl") == ["kept"]
    assert [reading.value for reading in writer.readings()] == [1]


@pytest.mark.parametrize("text", ["x" * 100_000, "\n" * 100_000])
def test_long_texts_are_cut(tmp_path: Path, text: str) -> None:
    writer = LogWriter(LogFile(tmp_path / "neurova.jsonl"))
    Log("shop.f", sink=writer).info(text, field=text, nested={"a": [text]})
    writer.flush()
    assert (tmp_path / "neurova.jsonl").stat().st_size < 250_000
    assert "characters cut" in written(tmp_path / "neurova.jsonl")[0]
