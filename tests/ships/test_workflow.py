"""The CI workflow is valid, has minimal rights and pinned actions, and runs locally."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.servers.go_program import built

from . import tools

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
TEXT = WORKFLOW.read_text()


def test_actions_are_pinned_by_commit() -> None:
    used = re.findall(r"uses: (\S+)(.*)", TEXT)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_ci_run_executes_all_jobs() -> None:
    """Except the job of a second Python version, which repeats the embedded tests."""
    jobs = {line.split()[-1] for line in re.findall(r"run: (.+)", TEXT)}
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert jobs - {".ci/embedded"} == {line for line in lines if line.startswith(".ci/")}


def test_jobs_have_read_rights_only() -> None:
    assert "\npermissions: {}\n" in TEXT
    granted = re.findall(r"permissions:\n((?: {6,}\S.*\n)+)", TEXT)
    assert len(granted) == len(re.findall(r"runs-on:", TEXT))
    assert {line.strip() for block in granted for line in block.splitlines()} == {"contents: read"}


@pytest.mark.server
@pytest.mark.parametrize(
    ("find", "words"),
    [
        (built, ["actionlint", "-no-color", WORKFLOW]),
        (tools.packaged, ["zizmor", "--offline", "--persona", "pedantic", WORKFLOW]),
        (tools.packaged, ["hadolint", ROOT / "infra" / "docker" / "Dockerfile"]),
        (tools.packaged, ["hadolint", ROOT / "infra" / "kong" / "Dockerfile"]),
        (tools.packaged, ["hadolint", ROOT / "infra" / "lambda" / "Dockerfile"]),
    ],
    ids=["actionlint", "zizmor", "hadolint", "hadolint of Kong", "hadolint of Lambda"],
)
def test_linter_finds_nothing(find: Callable[[str], str], words: list[str | Path]) -> None:
    command = [find(str(words[0])), *words[1:]]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
