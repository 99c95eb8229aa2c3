"""One run: the project's services with their limits raised, a live key, and the counts."""

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
    """What became of one run: calls by operation, status and whether a function was reached."""

    code: int
    told: str
    counts: list[tuple[str, int, bool, int]] = field(default_factory=list)

    def __add__(self, other: Run) -> Run:
        return Run(self.code or other.code, self.told + other.told, self.counts + other.counts)

    @property
    def calls(self) -> int:
        return sum(count for *_, count in self.counts)

    @property
    def reached(self) -> int:
        return sum(count for *_, there, count in self.counts if there)

    @property
    def statuses(self) -> dict[int, int]:
        found: Counter[int] = Counter()
        for _, status, _, count in self.counts:
            found[status] += count
        return dict(sorted(found.items()))

    def undocumented(self, document: dict[str, Any]) -> set[tuple[str, int]]:
        """Return the answers whose status their operation does not list, other than a 405."""
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


def lay(project: Path, *, functions: Path = ROOT / "functions") -> Path:
    """Copy a project's functions, without the limits that they state."""
    shutil.copytree(functions, project / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "neurova.toml").write_text('[project]\nname = "conformance"\n')
    for file in project.rglob("*.py"):
        source = file.read_text()
        if _LIMIT.search(source):
            file.write_text(_LIMIT.sub("", source))
    return project


def prepare(project: Path) -> tuple[dict[str, Any], str]:
    """Bring databases up to date; return the document and a key with all its scopes."""
    neurova(project, "db", "upgrade")
    document = json.loads(neurova(project, "openapi"))
    scopes = {
        scope
        for item in document["paths"].values()
        for operation in item.values()
        for scope in operation.get("x-neurova-scopes", ())
    }
    words = [word for scope in sorted({*scopes, "booking:rate"}) for word in ("--scope", scope)]
    return document, neurova(project, "keys", "create", "--consumer", "conformance", *words).strip()


def neurova(project: Path, *words: str) -> str:
    """Run a command of the project and return what it prints."""
    ran = subprocess.run(
        [str(NEUROVA), *words],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document that lists what it knows and nothing else: an answer by `default` is none.

    One way to send the key is left, for the two of them together are refused.
    """
    made: dict[str, Any] = json.loads(json.dumps(document))
    for item in made["paths"].values():
        for operation in item.values():
            operation["responses"].pop("default", None)
            operation["security"] = [each for each in operation["security"] if "ApiKey" in each]
    del made["components"]["securitySchemes"]["Bearer"]
    return made


def fuzz(project: Path, document: dict[str, Any], key: str, *words: str) -> Run:
    """Serve a project for live keys and let Schemathesis loose on it."""
    (project / "strict.json").write_text(json.dumps(strict(document)))
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
        code, told = served.end()
        assert code == 0, told
    rows = json.loads(counts.read_text()) if counts.exists() else []
    return Run(ran.returncode, ran.stdout + ran.stderr, [tuple(row) for row in rows])
