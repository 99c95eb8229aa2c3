"""Generated projects have the requested functions, each with its own answer."""

from __future__ import annotations

import ast
from pathlib import Path

from bench.project import Endpoint, Project, endpoints


def test_services_have_a_hundred_endpoints() -> None:
    services: dict[str, int] = {}
    for endpoint in endpoints(10_000):
        services[endpoint.service] = services.get(endpoint.service, 0) + 1
    assert len(services) == 100
    assert set(services.values()) == {100}


def test_each_file_has_one_function(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write_endpoints(6)
    files = sorted((tmp_path / "functions").rglob("*.py"))
    assert len(files) == 6
    for file in files:
        tree = ast.parse(file.read_text())
        functions = [node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
        assert functions == [file.stem]


def test_changed_file_changes_the_answer() -> None:
    endpoint = Endpoint(3)
    assert endpoint.request("k").answer == {"n": 3, "item": 7}
    assert endpoint.request("k", plus=5).answer == {"n": 8, "item": 7}
    assert '"n": 8, "item"' in endpoint.source(plus=5)
