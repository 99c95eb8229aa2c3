"""What the Admin API tells of a function is what `neurova explain` tells."""

from __future__ import annotations

from pathlib import Path

from neurova_platform.admin.facts import facts
from neurova_platform.composition import inventory
from neurova_platform.doctor.explanation import explain
from neurova_platform.settings.loading import load


def test_facts_and_explanation_agree(probe_project: Path) -> None:
    settings = load(probe_project, environ={})
    functions = inventory.functions(settings)
    found = {each.name: each for each in facts(functions, settings)}
    assert list(found) == sorted(each.name for each in functions)
    for function in functions:
        told = found[function.name]
        method = function.description.answered[0]  # a mount's is "*"
        path = told.path.replace("{", "").replace("}", "")
        explained = explain(method, path, functions, settings)
        assert (told.file, told.says, told.access) == (
            explained.file,
            explained.says,
            explained.access,
        )
        assert (told.inputs, told.plugins, told.values) == (
            explained.inputs,
            explained.plugins,
            explained.values,
        )


def test_of_no_function_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("")
    (tmp_path / "functions").mkdir()
    assert facts([], load(tmp_path, environ={})) == []
