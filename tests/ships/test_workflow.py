"""The workflows are valid, have minimal rights and pinned actions, and also run locally."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers.go_program import built

from neurova_platform.scaffold.scaffold import plan_project, write

from . import tools

ROOT = Path(__file__).parents[2]
FOLDER = ".github/workflows"
NEW = plan_project("shop")
TEXTS = {path.name: path.read_text() for path in (ROOT / FOLDER).glob("*.yml")} | {
    Path(path).name: text for path, text in NEW.items() if path.startswith(FOLDER)
}
READS = {"contents": "read"}
GRANTED = {
    "release.yml": {
        "image": {"packages": "write", "id-token": "write", "attestations": "write"},
        "pypi": {"id-token": "write", "attestations": "write"},
        "github": {"contents": "write"},
    },
    "neurova.yml": {
        "deploy": {"id-token": "write", "packages": "write", "pull-requests": "write"},
    },
    "neurova-deploy.yml": {
        "plan": {"id-token": "write", "pull-requests": "write"},
        "deploy": {"id-token": "write", "packages": "write"},
    },
}
"""The rights of jobs beside reading the repository."""


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXTS[name])["jobs"]
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_actions_are_pinned_by_commit(name: str) -> None:
    used = [each for each in re.findall(r"uses: (\S+)(.*)", TEXTS[name]) if each[0][0] != "."]
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+(/[\w.-]+){1,2}@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_an_action_has_one_version_everywhere() -> None:
    used = {each for text in TEXTS.values() for each in re.findall(r"uses: (\S+@\S+)", text)}
    names = [each.split("@")[0] for each in used]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", TEXTS)
def test_jobs_have_no_other_rights(name: str) -> None:
    assert yaml.safe_load(TEXTS[name])["permissions"] == {}
    expected = GRANTED.get(name, {})
    for job, found in jobs(name).items():
        assert found["permissions"] == READS | expected.get(job, {}), job


def test_credentials_need_an_environment() -> None:
    """A job gets an OIDC token only in an environment, which requires an approval."""
    assert jobs("release.yml")["pypi"]["environment"] == "pypi"
    reusable = jobs("neurova-deploy.yml")
    assert reusable["plan"]["environment"] == "${{ inputs.environment }}-plan"
    assert reusable["deploy"]["environment"] == "${{ inputs.environment }}"
    assert "github.event_name == 'push'" in reusable["deploy"]["if"]


def test_ci_run_executes_all_jobs() -> None:
    """Except tests of a second Python version, and the vulnerability scan, which needs data."""
    steps = [step for job in jobs("ci.yml").values() for step in job["steps"]]
    used = {step["run"].split()[-1] for step in steps if "run" in step}
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert used - {".ci/embedded", ".ci/build"} == {e for e in lines if e.startswith(".ci/")}


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """Create a new project and add this repository's workflows to it."""
    write(tmp_path, NEW)
    shutil.copytree(ROOT / FOLDER, tmp_path / FOLDER, dirs_exist_ok=True)
    shutil.copytree(ROOT / "infra", tmp_path / "infra", ignore=lambda *_: {"neurova_platform"})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # actionlint looks for .git
    return tmp_path


@pytest.mark.server
@pytest.mark.parametrize(
    ("find", "words"),
    [
        (built, ["actionlint", "-no-color"]),
        (tools.packaged, ["zizmor", "--offline", "--persona", "pedantic", FOLDER]),
        (tools.packaged, ["hadolint", "infra/docker/Dockerfile"]),
        (tools.packaged, ["hadolint", "infra/kong/Dockerfile"]),
        (tools.packaged, ["hadolint", "infra/lambda/Dockerfile"]),
        (tools.packaged, ["hadolint", "Dockerfile"]),
    ],
    ids=["actionlint", "zizmor", "hadolint", "of Kong", "of Lambda", "of a new project"],
)
def test_linter_finds_nothing(
    find: Callable[[str], str], words: list[str], everything: Path
) -> None:
    command = [find(words[0]), *words[1:]]
    ran = subprocess.run(command, cwd=everything, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.server
@pytest.mark.parametrize(
    ("tag", "changes", "code", "text"),
    [
        ("v1.2.3", "## 1.2.3 (2026-12-01)\n\n- Fixed.\n\n## 1.2.2\n\n- Old.\n", 0, "\n- Fixed.\n"),
        ("v1.2.4", "## 1.2.4\n\n- Fixed.\n", 1, "the tag v1.2.4 is not v1.2.3"),
        ("1.2.3", "## 1.2.3\n\n- Fixed.\n", 1, "the tag 1.2.3 is not v1.2.3"),
        ("v1.2.3", "## Unreleased\n\n- Fixed.\n", 1, 'no text below "## 1.2.3"'),
        ("v1.2.3", "## 1.2.3\n\n## 1.2.2\n\n- Old.\n", 1, 'no text below "## 1.2.3"'),
    ],
)
def test_release_has_one_version_and_notes(
    tag: str, changes: str, code: int, text: str, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "notes", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changes}")
    ran = subprocess.run([tmp_path / ".ci" / "notes", tag], capture_output=True, text=True)
    assert ran.returncode == code
    assert text in (ran.stderr if code else ran.stdout)
    assert "Old" not in ran.stdout


@pytest.mark.server
def test_sbom_lists_the_locked_packages(tmp_path: Path) -> None:
    """The tool validates the SBOM against CycloneDX's schema."""
    subprocess.run([ROOT / ".ci" / "sbom", tmp_path], check=True)
    for folder, image in (("docker", "platform"), ("kong", "kong"), ("lambda", "lambda")):
        found = json.loads((tmp_path / f"neurova-{image}.cdx.json").read_text())
        assert found["bomFormat"] == "CycloneDX"
        assert found["metadata"]["component"]["name"] == "neurova-platform"
        lock = (ROOT / "infra" / folder / "requirements.lock").read_text()
        locked = set(re.findall(r"^([\w.-]+)(?:\[\S+\])?==([^ ;]+)", lock, re.MULTILINE))
        assert {(each["name"], each["version"]) for each in found["components"]} == locked
        files = [
            ref["hashes"] for each in found["components"] for ref in each["externalReferences"]
        ]
        assert all(files)
