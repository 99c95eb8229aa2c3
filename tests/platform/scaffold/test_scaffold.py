"""The files of `neurova new`, and the names and paths that it refuses."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from neurova.errors import LoadError, NeurovaError
from neurova_platform import DISTRIBUTION
from neurova_platform.scaffold import scaffold
from neurova_platform.settings.loading import load


def test_project_has_exactly_the_expected_files(tmp_path: Path) -> None:
    files = scaffold.write(tmp_path, scaffold.plan_project("demo"))
    assert sorted(str(file.relative_to(tmp_path)) for file in files) == [
        ".ci/deploy",
        ".ci/images",
        ".ci/plan",
        ".ci/take-back",
        ".github/workflows/neurova-deploy.yml",
        ".github/workflows/neurova.yml",
        ".gitignore",
        "Dockerfile",
        "functions/hello/domain.py",
        "functions/hello/hello.py",
        "neurova.toml",
        "pyproject.toml",
        "tests/test_hello.py",
    ]
    assert load(tmp_path, environ={}).project.name == "demo"
    written = tomllib.loads((tmp_path / "pyproject.toml").read_text())
    assert written["project"]["name"] == "demo"
    assert written["project"]["dependencies"] == [DISTRIBUTION]
    assert written["dependency-groups"]["dev"] == [f"{DISTRIBUTION}[test]"]


@pytest.mark.parametrize("name", ["", "Demo", "1st", "a b", "../up", "a/b", "é", "a" * 80, "-x"])
def test_invalid_project_name_is_refused(name: str) -> None:
    with pytest.raises(NeurovaError, match="is not a project name"):
        scaffold.plan_project(name)


@pytest.mark.parametrize("name", ["class", "domain", "migrations", "a-b", "A", "_a", ""])
def test_invalid_function_or_service_name_is_refused(name: str) -> None:
    with pytest.raises(NeurovaError, match="is not a function name"):
        scaffold.plan_function("booking", name)
    with pytest.raises(NeurovaError, match="is not a service name"):
        scaffold.plan_service(name)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/", "/rooms/{room}/beds/{bed}"])
def test_planned_function_is_valid_and_needs_a_scope(method: str, path: str) -> None:
    (file, text), *rest = scaffold.plan_function("hotel", "make_bed", method, path).items()
    assert (file, rest) == ("hotel/make_bed.py", [])
    handler = next(n for n in ast.parse(text).body if isinstance(n, ast.AsyncFunctionDef))
    assert handler.name == "make_bed"
    parameters = {argument.arg for argument in handler.args.args} - {"body"}
    assert parameters == ({"room", "bed"} if "{" in path else set())
    module: dict[str, object] = {}
    exec(compile(text, file, "exec"), module)
    description = module["make_bed"].__neurova__  # type: ignore[attr-defined]
    assert (description.method, description.path) == (method, path or "/hotel/make-bed")
    assert not description.public
    assert description.scopes


def test_path_parameter_named_body_does_not_collide() -> None:
    (text,) = scaffold.plan_function("hotel", "make_bed", "POST", "/beds/{body}").values()
    compile(text, "make_bed.py", "exec")
    assert "(body_: MakeBed, body: str)" in text
    assert "return body_" in text


def test_invalid_path_is_refused() -> None:
    with pytest.raises(LoadError):
        scaffold.plan_function("hotel", "make_bed", "GET", "no-slash")
    with pytest.raises(NeurovaError, match="is not a parameter name"):
        scaffold.plan_function("hotel", "make_bed", "GET", "/{class}")


def test_existing_file_stops_the_whole_plan(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(NeurovaError, match="already exists"):
        scaffold.write(tmp_path, {"a": "new", "b": "new"})
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b").read_text() == "mine"
