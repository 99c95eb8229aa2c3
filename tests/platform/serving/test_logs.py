"""Log lines are JSON with a trace id, and never show a key."""

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


def test_line_of_a_function_has_fields_and_trace(folder: Path) -> None:
    forged = dict.fromkeys(["time", "level", "logger", "message", "traceback"], "forged")
    Log("booking.create", "acme", 7).info("sold", **forged, room=3)
    (line,) = lines(folder)
    assert (line["message"], line["room"], line["consumer"]) == ("sold", 3, "acme")
    assert (line["level"], line["logger"]) == ("INFO", "neurova.function")
    assert "forged" not in line.values()
    assert line["trace_id"] == f"{7:032x}"
    assert (folder / "neurova.jsonl").stat().st_mode & 0o077 == 0


def test_keys_in_messages_and_tracebacks_are_masked(folder: Path) -> None:
    key = "nrv_live_0123456789abcdef"
    try:
        raise ValueError(key)
    except ValueError:
        logging.getLogger("neurova.function").error("with %s", key, exc_info=True)
    lines(folder)
    text = (folder / "neurova.jsonl").read_text()
    assert "0123456789abcdef" not in text
    assert "ValueError" in text


class Unprintable:
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    "value", ["\udce9", 2**70, Unprintable(), {"a": Unprintable()}, {("a",): "\ud800"}]
)
def test_unserializable_field_does_not_lose_the_line(folder: Path, value: object) -> None:
    Log("booking.create", "acme", 7).info("sold", what=value, room=3)
    (line,) = lines(folder)
    assert (line["message"], line["consumer"], str(line["room"])) == ("sold", "acme", "3")
    assert "what" in line


LOG_ERROR = """
import logging, sys
from pathlib import Path
from neurova_platform.serving import logs

class UnprintableError(Exception):
    def __str__(self):
        raise LookupError

handler = logs.install(Path(sys.argv[1]))
logging.getLogger("neurova").error("f failed", exc_info={error})
logs.remove(handler)
"""


@pytest.mark.parametrize("error", ["ValueError('a file \\udce9')", "UnprintableError()"])
def test_unprintable_exception_does_not_lose_the_line(tmp_path: Path, error: str) -> None:
    # In its own process: the test report could not encode the message.
    subprocess.run([sys.executable, "-c", LOG_ERROR.format(error=error), tmp_path], check=True)
    (line,) = (tmp_path / "neurova.jsonl").read_text().splitlines()
    assert error.partition("(")[0] in json.loads(line)["traceback"]


def test_text_from_clients_cannot_control_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = "\x1b[2J\x9b31m\r\u2028\nerror: forged"
    try:
        raise ValueError(sent)
    except ValueError:
        logging.getLogger("neurova.function").error("received %s", sent, exc_info=True)
    shown = capsys.readouterr().err
    assert "error: forged" in shown
    assert shown.count("\nerror:") == 0
    assert "\\x1b[2J\\x9b31m\\r\\u2028" in shown
    assert all(letter.isprintable() for letter in shown if letter != "\n")
