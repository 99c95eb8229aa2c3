"""Load all functions of a project without serving them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.errors import LoadError
from neurova_platform.composition import inventory
from neurova_platform.scaffold import scaffold
from neurova_platform.settings.loading import load


def test_functions_are_sorted_and_no_state_is_created(tmp_path: Path) -> None:
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    scaffold.write(tmp_path / "functions", scaffold.plan_function("hello", "add", "POST", "/adds"))
    found = inventory.load_functions(load(tmp_path, environ={}))
    assert [function.name for function in found] == ["hello.add", "hello.hello"]
    assert not (tmp_path / ".neurova").exists()


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").touch()
    with pytest.raises(LoadError, match="no such folder"):
        inventory.load_functions(load(tmp_path, environ={}))


@pytest.mark.parametrize(
    ("options", "access"),
    [("", "any key"), (", public=True", "public"), (', scopes=["a:b", "c:d"]', "a:b c:d")],
)
def test_access_is_reported(tmp_path: Path, options: str, access: str) -> None:
    (tmp_path / "neurova.toml").touch()
    (tmp_path / "functions" / "s").mkdir(parents=True)
    source = f'from neurova import get\n@get("/a"{options})\nasync def a() -> str: ...\n'
    (tmp_path / "functions" / "s" / "a.py").write_text(source)
    (function,) = inventory.load_functions(load(tmp_path, environ={}))
    assert inventory.describe_access(function) == access
