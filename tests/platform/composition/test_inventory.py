"""The inventory: all functions, read without serving them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.errors import LoadError
from neurova_platform.composition import inventory
from neurova_platform.scaffold import scaffold
from neurova_platform.settings import loading as settings


def test_functions_come_by_path_and_no_database_is_made(tmp_path: Path) -> None:
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    scaffold.write(tmp_path / "functions", scaffold.plan_function("hello", "add", "POST", "/adds"))
    found = inventory.functions(settings.load(tmp_path, environ={}))
    assert [function.name for function in found] == ["hello.add", "hello.hello"]
    assert not (tmp_path / ".neurova").exists()


def test_two_functions_of_two_services_on_one_route_are_refused(tmp_path: Path) -> None:
    scaffold.write(tmp_path, scaffold.plan_project("demo"))
    scaffold.write(
        tmp_path / "functions", scaffold.plan_function("other", "hi", "GET", "/hello/{who}")
    )
    with pytest.raises(LoadError, match="change the path of one of them"):
        inventory.functions(settings.load(tmp_path, environ={}))


def test_a_missing_folder_is_told_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").touch()
    with pytest.raises(LoadError, match="no such folder"):
        inventory.functions(settings.load(tmp_path, environ={}))


@pytest.mark.parametrize(
    ("options", "said"),
    [("", "any key"), (", public=True", "public"), (', scopes=["a:b", "c:d"]', "a:b c:d")],
)
def test_who_may_call_is_said_in_a_word(tmp_path: Path, options: str, said: str) -> None:
    (tmp_path / "neurova.toml").touch()
    (tmp_path / "functions" / "s").mkdir(parents=True)
    source = f'from neurova import get\n@get("/a"{options})\nasync def a() -> str: ...\n'
    (tmp_path / "functions" / "s" / "a.py").write_text(source)
    (function,) = inventory.functions(settings.load(tmp_path, environ={}))
    assert inventory.access(function) == said
