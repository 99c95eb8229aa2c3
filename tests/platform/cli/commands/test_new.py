"""`neurova new`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_project_is_created(
    cli: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()  # an empty folder becomes the project
    result = cli("new", "project", "shop")
    assert result.exit_code == 0
    assert "Created shop/functions/hello/hello.py\n" in result.stdout
    assert result.stdout.endswith("Next: cd shop && neurova dev\n")


def test_existing_files_are_kept(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").touch()
    (tmp_path / "file").touch()
    for name in ("shop", "file"):
        result = cli("new", "project", name)
        assert result.exit_code == 1
        assert ": not empty" in result.stderr
    assert [file.name for file in (tmp_path / "shop").iterdir()] == ["mine"]


def test_new_functions_are_listed(cli: Callable[..., object], project: Path) -> None:
    made = json.loads(cli("new", "service", "hotel", "--json").stdout)
    assert made == {"files": [str(project / "functions" / "hotel" / "domain.py")]}
    assert cli("new", "function", "hotel", "rooms").exit_code == 0
    made = cli("new", "function", "spa", "book", "--method", "post", "--path", "/spa/{day}")
    assert "Created functions/spa/domain.py" in made.stdout
    routes = {(row["method"], row["path"]) for row in json.loads(cli("functions", "--json").stdout)}
    assert {("GET", "/hotel/rooms"), ("POST", "/spa/{day}")} <= routes
    again = cli("new", "function", "spa", "book")
    assert again.exit_code == 1
    assert "already exists" in again.stderr


@pytest.mark.server
def test_tests_of_a_new_project_pass(
    shell: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert shell("new", "project", "shop", cwd=tmp_path).returncode == 0
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio"]
    command = [sys.executable, "-m", "pytest", *options]
    ran = subprocess.run(command, cwd=tmp_path / "shop", capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout
    assert not (tmp_path / "shop" / ".neurova").exists()
