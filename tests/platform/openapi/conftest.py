"""Functions with every kind of parameter and response, and functions from source texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from neurova.endpoints.function import HttpFunction
from neurova.execution.context import ExecutionContext
from neurova.loading.loader import load_service
from neurova.resources import Resources

EVERY = Path(__file__).with_name("every")  # a project with the service `every`


def copy_every(folder: Path) -> Path:
    """Copy the project with the service `every` to `folder`, and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(EVERY, folder, ignore=ignored, dirs_exist_ok=True)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., list[HttpFunction]]:
    """Return a function that loads a service from source texts, one for each file."""

    def load_sources(service: str = "shop", **sources: str) -> list[HttpFunction]:
        folder = tmp_path / "functions" / service
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in sources.items():
            (folder / f"{name}.py").write_text(dedent(source))
        return list(
            load_service(tmp_path / "functions", service, Resources(), ExecutionContext()).functions
        )

    return load_sources


@pytest.fixture
def every(tmp_path: Path) -> list[HttpFunction]:
    """Return functions with every kind of parameter and response."""
    functions = copy_every(tmp_path) / "functions"
    return list(load_service(functions, "every", Resources(), ExecutionContext()).functions)


@pytest.fixture
def by_name(every: list[HttpFunction]) -> dict[str, HttpFunction]:
    """Return the functions of `every` by their names within the service."""
    return {each.name.partition(".")[2]: each for each in every}
