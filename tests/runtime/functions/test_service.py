"""Folders under functions/ are services."""

from pathlib import Path
from typing import Any

import pytest

from neurova.errors import LoadError
from neurova.functions.service import discover


def test_services_are_folders_with_python_files(house: Any) -> None:
    for name in ("shop", "hotel", "_draft", ".hidden"):
        house.write(name, a="")
    (house.root / "empty").mkdir()
    (house.root / "file.py").write_text("")
    assert discover(house.root) == ["hotel", "shop"]


def test_missing_functions_folder_is_refused_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="neurova new project"):
        discover(tmp_path / "functions")


def test_invalid_service_name_is_refused(house: Any) -> None:
    house.write("my-shop", a="")
    with pytest.raises(LoadError, match=r"functions/my-shop: .*rename the folder"):
        discover(house.root)
