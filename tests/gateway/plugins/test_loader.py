"""A faulty plugin file fails the start; the error names file and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_gateway.plugins.loader import find_plugin, load

PLUGIN = "class Plugin:\n    def __init__(self, config): ...\n    def access(self, kong): ...\n"


def test_plugin_has_kongs_name_and_its_priority(tmp_path: Path) -> None:
    (tmp_path / "neurova_some_thing.py").write_text("priority = 7\n" + PLUGIN)
    (tmp_path / "other.py").write_text(PLUGIN)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder").mkdir()
    loaded = load(tmp_path)
    assert {name: plugin.priority for name, plugin in loaded.items()} == {
        "neurova-some-thing": 7,
        "other": 0,
    }


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("broken.py", "def", "broken.py:1"),
        ("raising.py", "raise ValueError('no')", "ValueError: no"),
        ("leaving.py", "import sys\nsys.exit(3)", "SystemExit"),
        ("importing.py", "import nothing_of_that_name", "nothing_of_that_name"),
        ("empty.py", "", "no class Plugin"),
        ("instance.py", "Plugin = 5", "no class Plugin"),
        ("waiting.py", "class Plugin:\n    async def access(self, kong): ...", "async def access"),
        ("logging_.py", "class Plugin:\n    async def log(self, kong): ...", "async def log"),
        ("urgent.py", PLUGIN + "priority = 'high'", "priority"),
        ("schema.py", PLUGIN + "Schema = 5", "Schema"),
        ("secrets.py", PLUGIN, "name it"),
        ("__init__.py", "", "name it"),
        ("Upper.py", PLUGIN, "name it"),
        ("with-dash.py", PLUGIN, "name it"),
    ],
)
def test_bad_file_is_named_with_its_fault(
    name: str, source: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(source)
    with pytest.raises(ConfigError) as refused:
        load(tmp_path)
    assert says in str(refused.value)
    assert str(tmp_path / name) in str(refused.value)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        load(tmp_path / "none")


def test_error_for_unknown_plugin_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "neurova_auth.py").write_text(PLUGIN)
    with pytest.raises(ConfigError, match="did you mean 'neurova-auth'"):
        find_plugin(load(tmp_path), "neurova-auht")


def test_error_for_unknown_setting_names_the_nearest(tmp_path: Path) -> None:
    """Settings that Kong itself adds are accepted."""
    (tmp_path / "some.py").write_text(PLUGIN + "Schema = [{'limit': {'type': 'string'}}]")
    some = load(tmp_path)["some"]
    some.create({"limit": "1/second", "route_id": "1", "__plugin_id": "2"})
    with pytest.raises(ConfigError, match="did you mean 'limit'"):
        some.create({"limt": "1/second"})


def test_refused_config_has_the_plugins_reason(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        "class Plugin:\n    def __init__(self, config): raise ValueError('limit: no limit')\n"
    )
    with pytest.raises(
        ConfigError, match="plugin some: the plugin refuses its config: limit: no limit"
    ):
        load(tmp_path)["some"].create({})


def test_plugin_file_may_define_dataclasses(tmp_path: Path) -> None:
    """The dataclass decorator looks up the module in sys.modules."""
    source = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Plugin:\n    config: dict[str, str]\n    def access(self, kong): ...\n"
    )
    (tmp_path / "some.py").write_text(source)
    assert load(tmp_path)["some"].create({"a": "b"}).config == {"a": "b"}
