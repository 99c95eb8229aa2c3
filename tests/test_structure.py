"""Rules of the code base: file sizes, mirrored test folders, public names, light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import neurova

ROOT = Path(__file__).parents[1]
SOURCES = {
    "runtime": ROOT / "runtime" / "neurova",
    "gateway": ROOT / "gateway" / "neurova_gateway",
    "deploy": ROOT / "infra" / "neurova_deploy",
    "platform": ROOT / "infra" / "neurova_platform",
}


def test_no_file_is_over_400_lines() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    long = [name for name in tracked if len((ROOT / name).read_text().splitlines()) > 400]
    assert long == []


def test_what_is_public_is_what_all_says() -> None:
    for name in neurova.__all__:
        assert getattr(neurova, name) is not None
    source = ast.parse((SOURCES["runtime"] / "__init__.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    assert imported <= set(neurova.__all__)


def test_what_is_not_built_is_not_there() -> None:
    for name in ("cache", "deprecated"):
        assert not hasattr(neurova, name)


def test_importing_the_runtime_imports_nothing_heavy() -> None:
    heavy = {"sqlalchemy", "alembic", "starlette", "loguru", "uvicorn", "jsonschema_rs", "rich"}
    heavy |= {"cryptography", "hvac", "opentelemetry"}
    code = f"import sys, neurova; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
