"""Packaged files are found both in an editable install and in a wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from neurova_platform import assets
from neurova_platform.scaffold import scaffold

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from neurova_platform import assets
from neurova_platform.scaffold import scaffold
print(assets.plugins_folder())
print(len(scaffold.plan_project("demo")))
print(*sorted(assets.page()))
"""


def test_editable_install_uses_the_plugins_of_the_checkout() -> None:
    assert assets.plugins_folder() == ROOT / "plugins"
    assert (assets.plugins_folder() / "neurova_auth.py").is_file()


def test_template_is_read_by_its_path() -> None:
    assert 'name = "$name"' in assets.template("project/neurova.toml.tmpl")


def test_openapi_page_has_its_files() -> None:
    assert {"index.html", "page.css", "page.js"} < set(assets.page())


@pytest.mark.server
def test_wheel_contains_plugins_templates_and_page(tmp_path: Path) -> None:
    build = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run([sys.executable, *build], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    done = subprocess.run(
        [sys.executable, "-I", "-c", SCRIPT, str(site)], capture_output=True, text=True, check=True
    )
    plugins, templates, page = done.stdout.splitlines()
    assert page.split() == sorted(assets.page())
    assert Path(plugins) == site / "neurova_platform" / "_assets" / "plugins"
    assert int(templates) == len(scaffold.plan_project("demo"))
