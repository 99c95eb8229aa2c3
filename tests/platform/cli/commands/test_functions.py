"""`neurova functions`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def test_each_function_is_a_line(cli: Callable[..., object], project: Path) -> None:
    (line,) = cli("functions").stdout.splitlines()
    assert line.split("\t")[:5] == [
        "GET",
        "/hello/{name}",
        "hello.hello",
        "hello:read",
        "60/minute",
    ]


def test_json_has_the_decorator_options(cli: Callable[..., object], project: Path) -> None:
    (row,) = json.loads(cli("functions", "--json").stdout)
    assert row["scopes"] == ["hello:read"]
    assert row["file"] == "functions/hello/hello.py"
    assert (row["public"], row["timeout"]) == (False, 30.0)


def test_load_error_has_file_and_line(cli: Callable[..., object], project: Path) -> None:
    (project / "functions" / "hello" / "bad.py").write_text("x = 1\ny = (\n")
    result = cli("functions")
    assert result.exit_code == 4
    assert "functions/hello/bad.py:2" in result.stderr


def test_schedules_have_their_next_time(cli: Callable[..., object], project: Path) -> None:
    (project / "functions" / "hello" / "nightly.py").write_text(
        "from neurova import cron\n\n\n@cron('0 3 1 1 *', zone='Europe/Istanbul')\n"
        "def summarise() -> None: ...\n"
    )
    line = cli("functions").stdout.splitlines()[1].split("\t")
    assert line[:3] == ["SCHEDULE", "cron 0 3 1 1 * Europe/Istanbul", "hello.summarise"]
    row = json.loads(cli("functions", "--json").stdout)[1]
    assert row["next"].endswith("-01-01T03:00:00+03:00")
