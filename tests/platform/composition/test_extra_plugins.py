"""A project's plugin runs on every route if gateway.extra names it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform import assets
from neurova_platform.testing.platform import TestPlatform

GREET = """
priority = 800

class Plugin:
    def __init__(self, config):
        pass

    def access(self, kong):
        if kong.request.get_header("X-Name") == "nobody":
            return kong.response.exit(400, {"title": "Who are you?"})
        return kong.response.set_header("X-Greeting", "hello")
"""


def running(project: Path, extra: str) -> TestPlatform:
    folder = project / "plugins"
    shutil.copytree(assets.plugins_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "acme_greet.py").write_text(GREET)
    with (project / "neurova.toml").open("a") as file:
        file.write(f'[gateway]\nplugins = "plugins"\nextra = [{extra}]\n')
    return TestPlatform(project, project.parent / "state")


def test_named_plugin_runs_on_every_route(probe_project: Path) -> None:
    with running(probe_project, '"acme-greet"') as platform:
        assert platform.get("/count").headers["x-greeting"] == "hello"
        assert platform.get("/items/1", scopes=[]).headers["x-greeting"] == "hello"
        refused = platform.get("/count", headers={"X-Name": "nobody"})
        assert (refused.status, refused.json()) == (400, {"title": "Who are you?"})
        assert platform.get("/items/1").status == 401


def test_unnamed_plugin_does_not_run(probe_project: Path) -> None:
    with running(probe_project, "") as platform:
        assert "x-greeting" not in platform.get("/count").headers


def test_unknown_plugin_suggests_the_nearest(probe_project: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'acme-greet'"):
        running(probe_project, '"acme-gret"').__enter__()
