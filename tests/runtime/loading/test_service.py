"""Folders under functions/ are services."""

from pathlib import Path

import pytest
from tests.runtime.project import Project

from neurova.errors import LoadError
from neurova.loading.service import discover


def test_services_are_folders_with_python_files(project: Project) -> None:
    for name in ("shop", "hotel", "_draft", ".hidden"):
        project.write(name, a="")
    (project.root / "empty").mkdir()
    (project.root / "file.py").write_text("")
    assert discover(project.root) == ["hotel", "shop"]


def test_missing_functions_folder_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="neurova new project"):
        discover(tmp_path / "functions")


def test_invalid_service_name_is_refused(project: Project) -> None:
    project.write("my-shop", a="")
    with pytest.raises(LoadError, match=r"functions/my-shop: .*rename the folder"):
        discover(project.root)
