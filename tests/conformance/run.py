"""Run Schemathesis once: a project without rate limits, a live key, and the counts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.serving import NEUROVA, environment, serving

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
_LIMIT = re.compile(r', limit="[^"]*"')
SCHEMATHESIS = Path(sys.executable).parent / "st"


@dataclass
class Run:
    """The result of a run: calls by operation, status, and whether they reached a function."""

    code: int
    output: str
    counts: list[tuple[str, int, bool, int]] = field(default_factory=list)

    def __add__(self, other: Run) -> Run:
        return Run(self.code or other.code, self.output + other.output, self.counts + other.counts)

    @property
    def calls(self) -> int:
        return sum(count for *_, count in self.counts)

    @property
    def reached(self) -> int:
        return sum(count for *_, reached, count in self.counts if reached)

    @property
    def statuses(self) -> dict[int, int]:
        totals: Counter[int] = Counter()
        for _, status, _, count in self.counts:
            totals[status] += count
        return dict(sorted(totals.items()))

    def undocumented(self, document: dict[str, Any]) -> set[tuple[str, int]]:
        """Return the responses whose status the operation does not document, except 405."""
        listed = {
            f"{method.upper()} {path}": set(operation["responses"])
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }
        return {
            (operation, status)
            for operation, status, _, _ in self.counts
            if status != 405
            and not {str(status), f"{status // 100}XX"} & listed.get(operation, set())
        }


def copy_project(project: Path, *, functions: Path = ROOT / "functions") -> Path:
    """Copy a project's functions without their rate limits."""
    shutil.copytree(functions, project / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "neurova.toml").write_text('[project]\nname = "conformance"\n')
    for file in project.rglob("*.py"):
        source = file.read_text()
        if _LIMIT.search(source):
            file.write_text(_LIMIT.sub("", source))
    return project


def prepare(project: Path) -> tuple[dict[str, Any], str]:
    """Upgrade the databases; return the OpenAPI document and a key with all of its scopes."""
    run_command(project, "db", "upgrade")
    document = json.loads(run_command(project, "openapi"))
    document["paths"].pop("/quotes/advice", None)  # 503 until its model is trained
    scopes = {
        scope
        for item in document["paths"].values()
        for operation in item.values()
        for scope in operation.get("x-neurova-scopes", ())
    }
    words = [word for scope in sorted({*scopes, "booking:rate"}) for word in ("--scope", scope)]
    return document, run_command(
        project, "keys", "create", "--consumer", "conformance", *words
    ).strip()


def run_command(project: Path, *words: str) -> str:
    """Run a neurova command in the project and return its output."""
    ran = subprocess.run(
        [str(NEUROVA), *words],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def make_strict(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without `default` responses, so that undocumented statuses are faults.

    Keep only one way to send the key, because the server refuses two at once.
    """
    strict: dict[str, Any] = json.loads(json.dumps(document))
    for item in strict["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)
            operation["security"] = [each for each in operation["security"] if "ApiKey" in each]
    del strict["components"]["securitySchemes"]["Bearer"]
    return strict


def fuzz(project: Path, document: dict[str, Any], key: str, *words: str) -> Run:
    """Serve a project for live keys, and run Schemathesis against it."""
    (project / "strict.json").write_text(json.dumps(make_strict(document)))
    counts = project / "counts.json"
    counts.unlink(missing_ok=True)
    with serving(project, "run") as served:
        url = served.event("ready")["url"]
        ran = subprocess.run(
            [
                SCHEMATHESIS,
                "--config-file",
                HERE / "schemathesis.toml",
                "run",
                "strict.json",
                "--url",
                url,
                *words,
            ],
            cwd=project,
            env={
                **environment(),
                "NEUROVA_KEY": key,
                "NEUROVA_TEST_CONFORMANCE": str(counts),
                "SCHEMATHESIS_HOOKS": "hooks",
                "PYTHONPATH": str(HERE),
                "NO_COLOR": "1",
            },
            capture_output=True,
            text=True,
        )
        code, errors = served.end()
        assert code == 0, errors
    rows = json.loads(counts.read_text()) if counts.exists() else []
    return Run(ran.returncode, ran.stdout + ran.stderr, [tuple(row) for row in rows])
