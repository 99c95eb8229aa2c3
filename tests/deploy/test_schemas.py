"""Strict validation of every resource against the schemas of three Kubernetes versions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import kubernetes_validate
import msgspec
import pytest
from tests.servers.go_program import built

from neurova_deploy.targets.kubernetes.manifests import render, render_canary

from .test_manifests import FULL, Unit, project, targets_only

PUBLISHED = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"


@pytest.fixture(params=["1.34.0", "1.35.0", "1.36.0"])
def schemas(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Write the schemas for kubeconform; return the path pattern of a kind's schema."""
    for file in (PUBLISHED / f"v{request.param}-local-strict").glob("*.json"):
        text = file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        schema.pop("$id", None)
        (tmp_path / file.name).write_text(json.dumps(schema))
    return f"{tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


@pytest.mark.server
def test_resources_are_valid(schemas: str, tmp_path: Path) -> None:
    vault = project()
    vault = msgspec.structs.replace(
        vault, deploy=msgspec.structs.replace(vault.deploy, vault_role="shop")
    )
    stable = render(vault, targets_only)
    changed = msgspec.structs.replace(vault, units=(Unit("a", ("a",), "shop-a:2"), FULL))
    resources = {
        each.key: each for each in (*stable, *render_canary(changed, targets_only, stable, 10))
    }
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(json.dumps(each.manifest) + "\n" for each in resources.values()))
    # KEDA's custom resource has no schema here.
    command = [
        built("kubeconform"),
        "-strict",
        "-summary",
        "-output",
        "json",
        "-skip",
        "ScaledObject",
    ]
    done = subprocess.run(
        [*command, "-schema-location", schemas, str(file)], capture_output=True, text=True
    )
    summary = json.loads(done.stdout)["summary"]
    assert summary == {"valid": len(resources) - 1, "invalid": 0, "errors": 0, "skipped": 1}, done
