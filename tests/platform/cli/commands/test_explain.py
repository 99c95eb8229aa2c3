"""`neurova explain`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path


def test_function_is_explained(cli: Callable[..., object], project: Path) -> None:
    result = cli("explain", "get", "/hello/Ada?x=1")
    assert result.exit_code == 0
    rows = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    rows = {name.strip(): value.strip() for name, value in rows.items()}
    assert rows["route"] == "GET /hello/{name}"
    assert rows["who may call"] == "hello:read"
    assert rows["limit"] == "60/minute  (functions/hello/hello.py:8)"
    assert rows["plugin 1250"] == "neurova-auth"
    assert rows["cost"] == "1  (default)"
    assert "_neurova.document" in cli("explain", "GET", "/openapi.json").stdout
    assert rows["timeout"] == rows["concurrency"] == "-  (the function never waits)"


def test_unknown_route_is_explained(cli: Callable[..., object], project: Path) -> None:
    unknown = cli("explain", "GET", "/helo/Ada")
    assert unknown.exit_code == 1
    assert "404: No route matches this path" in unknown.stdout
    assert "did you mean" in unknown.stdout
    assert "GET /hello/{name}" in unknown.stdout
    wrong = cli("explain", "DELETE", "/hello/Ada", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["status"] == 405
