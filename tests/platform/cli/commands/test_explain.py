"""neurova explain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def test_a_function_is_explained_line_by_line(cli: Callable[..., object], project: Path) -> None:
    result = cli("explain", "get", "/hello/Ada?x=1")
    assert result.exit_code == 0
    rows = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    rows = {name.strip(): value.strip() for name, value in rows.items()}
    assert rows["route"] == "GET /hello/{name}"
    assert rows["who may call"] == "hello:read"
    assert rows["limit"] == "60/minute  (functions/hello/hello.py:8)"
    assert rows["plugin 1250"] == "neurova-auth"
    assert rows["cost"] == "1  (default)"
    assert rows["timeout"] == rows["concurrency"] == "-  (the function never waits)"


def test_what_is_not_answered_is_explained_and_ends_with_1(
    cli: Callable[..., object], project: Path
) -> None:
    unknown = cli("explain", "GET", "/helo/Ada")
    assert unknown.exit_code == 1
    assert "404: No route matches this path" in unknown.stdout
    assert "did you mean" in unknown.stdout
    assert "GET /hello/{name}" in unknown.stdout
    wrong = cli("explain", "DELETE", "/hello/Ada", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["status"] == 405


def test_the_platforms_own_functions_are_explained(
    cli: Callable[..., object], project: Path
) -> None:
    said = cli("explain", "GET", "/openapi.json").stdout
    assert "_neurova.document" in said
    assert "any key" in said
