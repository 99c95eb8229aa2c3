"""Log lines are JSON, say which call they belong to, and never show a key."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurova.telemetry.log import Log
from neurova_platform.serving import logs


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    handler = logs.install(tmp_path)
    yield tmp_path
    logs.remove(handler)


def lines(folder: Path) -> list[dict[str, object]]:
    import loguru

    loguru.logger.complete()
    return [json.loads(line) for line in (folder / "neurova.jsonl").read_text().splitlines()]


def test_a_functions_line_has_its_fields_and_its_trace(folder: Path) -> None:
    Log("booking.create", "acme", 7).info("sold", room=3)
    (line,) = lines(folder)
    assert (line["message"], line["room"], line["consumer"]) == ("sold", 3, "acme")
    assert line["trace_id"] == f"{7:032x}"
    assert (folder / "neurova.jsonl").stat().st_mode & 0o077 == 0


def test_no_field_replaces_what_the_line_says_of_itself(folder: Path) -> None:
    forged = dict.fromkeys(["time", "level", "logger", "message", "traceback"], "forged")
    Log("booking.create", "acme", 7).info("sold", **forged, room=3)
    (line,) = lines(folder)
    assert "forged" not in line.values()
    assert (line["level"], line["logger"], line["message"]) == (
        "INFO",
        "neurova.function",
        "sold",
    )
    assert line["room"] == 3


def test_a_key_in_a_message_or_a_traceback_is_masked(folder: Path) -> None:
    key = "nrv_live_0123456789abcdef"
    try:
        raise ValueError(key)
    except ValueError:
        logging.getLogger("neurova.function").error("with %s", key, exc_info=True)
    lines(folder)
    text = (folder / "neurova.jsonl").read_text()
    assert "0123456789abcdef" not in text
    assert "ValueError" in text


class Mute:
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize("value", ["\udce9", 2**70, Mute(), {"a": Mute()}, {("a",): "\ud800"}])
def test_whatever_a_field_holds_the_line_is_written(folder: Path, value: object) -> None:
    Log("booking.create", "acme", 7).info("sold", what=value, room=3)
    (line,) = lines(folder)
    assert (line["message"], line["consumer"], str(line["room"])) == ("sold", "acme", "3")
    assert "what" in line


SAYING = """
import logging, sys
from pathlib import Path
from neurova_platform.serving import logs

class MuteError(Exception):
    def __str__(self):
        raise LookupError

handler = logs.install(Path(sys.argv[1]))
logging.getLogger("neurova").error("f failed", exc_info={error})
logs.remove(handler)
"""


@pytest.mark.parametrize("error", ["ValueError('a file \\udce9')", "MuteError()"])
def test_whatever_an_exception_says_its_line_is_written(tmp_path: Path, error: str) -> None:
    # In a process of its own: a report of these tests could not hold it.
    subprocess.run([sys.executable, "-c", SAYING.format(error=error), tmp_path], check=True)
    (line,) = (tmp_path / "neurova.jsonl").read_text().splitlines()
    assert error.partition("(")[0] in json.loads(line)["traceback"]


def test_nothing_is_paid_for_a_log_that_is_not_written(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from neurova_platform.serving import logs; "
        f"logs.install(Path({str(tmp_path)!r})); assert 'loguru' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_client_sent_neither_steers_the_terminal_nor_looks_like_a_record(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = "\x1b[2J\x9b31m\r\u2028\nerror: forged"
    try:
        raise ValueError(sent)
    except ValueError:
        logging.getLogger("neurova.function").error("told %s", sent, exc_info=True)
    shown = capsys.readouterr().err
    assert "error: forged" in shown
    assert shown.count("\nerror:") == 0
    assert "\\x1b[2J\\x9b31m\\r\\u2028" in shown
    assert all(letter.isprintable() for letter in shown if letter != "\n")
