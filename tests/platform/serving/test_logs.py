"""Log lines of every source are JSON with a trace id, and never contain a key."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from neurova.telemetry.log import Log
from neurova_platform.serving import logs
from neurova_platform.settings.loading import load

ReadLines = Callable[[], list[dict[str, object]]]
PROJECT = "[openapi]\nversion = '1.2'\n"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[logs.LogWriter]:
    (tmp_path / "neurova.toml").write_text(PROJECT)
    with logs.writing(load(tmp_path, environ={})) as writer:
        yield writer


@pytest.fixture
def read_lines(writer: logs.LogWriter, tmp_path: Path) -> ReadLines:
    def read() -> list[dict[str, object]]:
        writer.flush()
        return [json.loads(line) for line in file(tmp_path).read_text().splitlines()]

    return read


def file(project: Path) -> Path:
    return project / ".neurova" / "logs" / "neurova.jsonl"


def test_line_of_a_function_has_its_call_and_fields(
    writer: logs.LogWriter, read_lines: ReadLines, tmp_path: Path
) -> None:
    tags = ["a"]
    Log("booking.create", "acme", 7, writer).info("sold", message="m", room=3, tags=tags)
    tags.append("changed after the line")
    (line,) = read_lines()
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "INFO",
        "logger": "neurova.function",
        "message": "sold",
        "trace_id": f"{7:032x}",
        "function": "booking.create",
        "service": "booking",
        "consumer": "acme",
        "version": "1.2",
        "fields": {"message": "m", "room": 3, "tags": ["a"]},
    }
    assert file(tmp_path).stat().st_mode & 0o077 == 0


def test_keys_are_masked_wherever_they_are(writer: logs.LogWriter, read_lines: ReadLines) -> None:
    key = "nrv_live_0123456789abcdef"
    try:
        raise ValueError(key)
    except ValueError:
        logging.getLogger("library").exception("with %s", key, extra={"at": {key: [key]}})
        Log("booking.create", "", 7, writer).exception("failed", **{"key": key, f"x{key}": 1})
    first, second = read_lines()
    assert "0123456789abcdef" not in str(first) + str(second)
    assert "ValueError" in str(first["traceback"])
    assert "ValueError" in str(second["traceback"])


class Unprintable:
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    "value",
    ["\udce9", 2**70, float("nan"), Unprintable(), {"a": Unprintable()}, {("a",): "\ud800"}],
)
def test_unserializable_field_does_not_lose_the_line(
    writer: logs.LogWriter, read_lines: ReadLines, value: object
) -> None:
    Log("booking.create", "acme", 7, writer).info("sold", what=value, room=3)
    (line,) = read_lines()
    assert (line["message"], line["consumer"]) == ("sold", "acme")
    assert set(line["fields"]) == {"what", "room"}  # type: ignore[call-overload]


LOG_TO_ALL = """
import logging, sys
from pathlib import Path
from neurova_platform.serving import logs
from neurova_platform.settings.loading import load

class UnprintableError(Exception):
    def __str__(self):
        raise LookupError

with logs.writing(load(Path(sys.argv[1]), environ={})):
    logging.getLogger("shop").info("standard %s", 1, extra={"room": 3})
    from loguru import logger
    logger.info("loguru {n}", n=2)
    for error in (ValueError("a file \\udce9"), UnprintableError()):
        logging.getLogger("shop").error("failed", exc_info=error)
    logger.opt(exception=ValueError("late")).error("failed")
"""


def test_standard_logging_and_loguru_write_the_same_lines(tmp_path: Path) -> None:
    # Run in another process, in which loguru has not been imported yet.
    (tmp_path / "neurova.toml").write_text(PROJECT)
    command = [sys.executable, "-c", LOG_TO_ALL, str(tmp_path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in file(tmp_path).read_text().splitlines()]
    assert [(each["message"], each.get("fields")) for each in lines[:2]] == [
        ("standard 1", {"room": 3}),
        ("loguru 2", {"n": 2}),
    ]
    tracebacks = [line["traceback"] for line in lines[2:]]
    for kind, text in zip(("ValueError", "UnprintableError", "late"), tracebacks, strict=True):
        assert kind in text
    assert shown.stderr.count("error: failed") == 3
    assert "loguru 2" not in shown.stderr


def test_text_from_clients_cannot_control_the_terminal(
    writer: logs.LogWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = "\x1b[2J\x9b31m\r\u2028\nerror: forged"
    try:
        raise ValueError(sent)
    except ValueError:
        logging.getLogger("neurova.function").exception("received %s", sent)
    writer.flush()
    shown = capsys.readouterr().err
    assert "error: forged" in shown
    assert shown.count("\nerror:") == 0
    assert "\\x1b[2J\\x9b31m\\r\\u2028" in shown
    assert all(letter.isprintable() for letter in shown if letter != "\n")
