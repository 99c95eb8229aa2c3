"""The house stays as it was drawn: sizes, mirrors, what is public, what importing does."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import neurova

ROOT = Path(__file__).parents[1]
SOURCES = {
    "runtime": ROOT / "runtime" / "neurova",
    "gateway": ROOT / "gateway" / "neurova_gateway",
    "platform": ROOT / "infra" / "neurova_platform",
}
# Ports and plain shapes: every test of their room is a test of them.
SHAPES = {"base", "settings", "config"}
# What others run: tests/runtime/database/test_migrations.py, tests/platform/test_scaffold.py.
FOLDERS = {"templates", "platform_migrations"}


def modules() -> list[tuple[str, Path]]:
    return [
        (room, file.relative_to(folder))
        for room, folder in SOURCES.items()
        for file in sorted(folder.rglob("*.py"))
        if file.stem not in {"__init__", *SHAPES} and FOLDERS.isdisjoint(file.parts)
    ]


@pytest.mark.parametrize("module", modules(), ids=lambda pair: f"{pair[0]}/{pair[1]}")
def test_a_module_has_its_tests_at_the_mirrored_place(module: tuple[str, Path]) -> None:
    room, file = module
    tests = ROOT / "tests" / room / file.parent
    names = {test.stem for test in tests.glob("test_*.py")}
    named = f"test_{file.stem.lstrip('_')}"
    assert named in names or MIRRORED.get(f"{room}/{file}") is not None
    if named not in names:
        assert (ROOT / "tests" / MIRRORED[f"{room}/{file}"]).exists()


# Where a module is tested elsewhere than at its mirror, and where that is.
MIRRORED = {
    "runtime/errors.py": "platform/cli/test_cli.py",
    "runtime/sources.py": "runtime/binding",
    "runtime/database/alembic_environment/env.py": "runtime/database/test_migrations.py",
    "gateway/admin/sources.py": "gateway/admin/test_app.py",
    "gateway/counters/layout.py": "gateway/counters/test_seat.py",
    "runtime/database/postgres_connection.py": "runtime/database/test_postgres.py",
    "runtime/database/sqlite_migrations.py": "runtime/database/test_migrations.py",
    "gateway/limits/file.py": "gateway/limits/test_table.py",
    "gateway/limits/index.py": "gateway/limits/test_table.py",
    "gateway/limits/layout.py": "gateway/limits/test_record.py",
    "gateway/pdk/values.py": "gateway/pdk/test_response.py",
    "platform/admin_address.py": "platform/test_admin.py",
    "platform/cli/group.py": "platform/cli/test_cli.py",
    "platform/supervise/admin.py": "platform/supervise/test_children.py",
    "platform/supervise/child.py": "platform/supervise/test_supervisor.py",
    "platform/supervise/report.py": "platform/supervise/test_supervisor.py",
    "platform/supervise/run.py": "platform/cli/test_run.py",
    "platform/supervise/slot.py": "platform/supervise/test_supervisor.py",
    "platform/supervise/worker.py": "platform/supervise/test_supervisor.py",
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
    for name in ("on", "every", "cron", "cache", "deprecated", "Secret", "Model"):
        assert not hasattr(neurova, name)


def test_importing_the_runtime_imports_nothing_heavy() -> None:
    heavy = {"sqlalchemy", "alembic", "starlette", "loguru", "uvicorn", "jsonschema_rs", "rich"}
    code = f"import sys, neurova; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
