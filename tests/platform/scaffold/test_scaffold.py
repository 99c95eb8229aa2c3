"""`neurova new`: what is laid out, and what is refused."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from neurova.errors import LoadError, NeurovaError
from neurova_platform.scaffold import scaffold
from neurova_platform.settings.loading import load


def test_a_project_has_the_files_of_the_design_and_no_more(tmp_path: Path) -> None:
    files = scaffold.lay(tmp_path, scaffold.project("demo"))
    assert sorted(str(file.relative_to(tmp_path)) for file in files) == [
        ".gitignore",
        "functions/hello/domain.py",
        "functions/hello/hello.py",
        "neurova.toml",
        "pyproject.toml",
        "tests/test_hello.py",
    ]
    assert load(tmp_path, environ={}).project.name == "demo"
    assert tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["name"] == "demo"


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a b", "../up", "a/b", "é", "a" * 80, "-x"])
def test_a_name_that_cannot_be_a_projects_is_refused(name: str) -> None:
    with pytest.raises(NeurovaError, match="cannot name a project"):
        scaffold.project(name)


@pytest.mark.parametrize("name", ["class", "domain", "migrations", "a-b", "A", "_a", ""])
def test_a_name_that_cannot_be_a_functions_is_refused(name: str) -> None:
    with pytest.raises(NeurovaError, match="cannot name a function"):
        scaffold.function("booking", name)
    with pytest.raises(NeurovaError, match="cannot name a service"):
        scaffold.service(name)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/", "/rooms/{room}/beds/{bed}"])
def test_every_function_laid_out_is_sound_and_described(method: str, path: str) -> None:
    (file, text), *rest = scaffold.function("hotel", "make_bed", method, path).items()
    assert (file, rest) == ("hotel/make_bed.py", [])
    handler = next(n for n in ast.parse(text).body if isinstance(n, ast.AsyncFunctionDef))
    assert handler.name == "make_bed"
    parameters = {argument.arg for argument in handler.args.args} - {"sent"}
    assert parameters == ({"room", "bed"} if "{" in path else set())
    module: dict[str, object] = {}
    exec(compile(text, file, "exec"), module)
    description = module["make_bed"].__neurova__  # type: ignore[attr-defined]
    assert (description.method, description.path) == (method, path or "/hotel/make-bed")
    assert not description.public
    assert description.scopes


def test_a_parameter_named_as_the_body_leaves_the_function_sound() -> None:
    (text,) = scaffold.function("hotel", "make_bed", "POST", "/beds/{sent}").values()
    compile(text, "make_bed.py", "exec")
    assert "(sent_: MakeBed, sent: str)" in text
    assert "return sent_" in text


def test_a_path_that_no_function_may_have_is_refused() -> None:
    with pytest.raises(LoadError):
        scaffold.function("hotel", "make_bed", "GET", "no-slash")
    with pytest.raises(NeurovaError, match="cannot name a parameter"):
        scaffold.function("hotel", "make_bed", "GET", "/{class}")


def test_nothing_is_overwritten_and_nothing_half_laid(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(NeurovaError, match="is there already"):
        scaffold.lay(tmp_path, {"a": "new", "b": "new"})
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NeurovaError, match="cannot be written"):
        scaffold.lay(tmp_path, {"file/below": "x"})
