"""Function descriptions match `neurova explain`; readers only see complete snapshots."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from neurova.errors import StateError, Unavailable
from neurova.settings.settings import Settings
from neurova_platform.admin import snapshot
from neurova_platform.admin.snapshot import describe_functions
from neurova_platform.composition import inventory
from neurova_platform.composition.explanation import explain
from neurova_platform.composition.state import prepare
from neurova_platform.settings.loading import load


@pytest.fixture
def settings(probe_project: Path) -> Settings:
    loaded = load(probe_project, environ={})
    prepare(loaded.state)
    return loaded


def test_descriptions_agree_with_explain(settings: Settings) -> None:
    functions = inventory.load_functions(settings)
    described = {each.name: each for each in describe_functions(functions, settings)}
    assert list(described) == sorted(each.name for each in functions)
    for function in functions:
        found = described[function.name]
        method = function.description.methods[0]
        path = found.path.replace("{", "").replace("}", "")
        explained = explain(method, path, functions, settings)
        assert (found.file, found.summary, found.access) == (
            explained.file,
            explained.summary,
            explained.access,
        )
        assert (found.inputs, found.plugins, found.values) == (
            explained.inputs,
            explained.plugins,
            explained.values,
        )


def test_latest_snapshot_is_read(settings: Settings) -> None:
    functions = inventory.load_functions(settings)
    snapshot.write(functions, settings)
    expected = msgspec.json.encode(describe_functions(functions, settings))
    assert msgspec.json.encode(snapshot.read(settings.state)) == expected
    snapshot.write(functions[:1], settings)
    assert [each.name for each in snapshot.read(settings.state)] == [functions[0].name]


def test_missing_or_damaged_snapshot_is_reported_with_the_fix(settings: Settings) -> None:
    snapshot.write([], settings)
    assert snapshot.read(settings.state) == []
    (settings.state / snapshot.FILE).write_text('[{"name": 5}]')
    with pytest.raises(StateError, match="restart the workers"):
        snapshot.read(settings.state)
    for _ in range(2):
        snapshot.clear(settings.state)
    with pytest.raises(Unavailable, match="retry in a moment"):
        snapshot.read(settings.state)
