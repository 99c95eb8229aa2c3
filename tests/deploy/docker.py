"""A double of the docker command with the subcommands that a deployment uses.

It stores the containers of the given file. They are healthy at once, but never if their image
name contains "broken". Its rows have the shape of Docker Compose 2.40.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from neurova_deploy.targets.compose import command

_RUN = subprocess.run
CHANGES = ("up", "stop", "rm", "exec", "down")


class Docker:
    """The containers by service, and the arguments of each command that changed them.

    After `fail_after` changes, each further change fails. `refuses` maps a word of a command to the
    error message that it prints before it fails.
    """

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        self.fail_after: int | None = None
        self.refuses: dict[str, str] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        """Put a `docker` program on PATH and handle its calls in this process."""
        program = folder / "docker"
        program.touch(mode=0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        monkeypatch.setattr(command.subprocess, "run", self._run)

    def services(self) -> list[str]:
        return sorted(name for name, row in self.containers.items() if row["State"] == "running")

    def _run(self, words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if Path(words[0]).name != "docker":
            return _RUN(words, **options)
        verb, *arguments = _split(words[1:])
        error = next((text for word, text in self.refuses.items() if word in words), "")
        if not error and verb in CHANGES:
            if self.fail_after is not None and len(self.changes) >= self.fail_after:
                error = "the test stops here"
            else:
                self.changes.append(" ".join((verb, arguments[-1] if arguments else "")).strip())
        if error:
            return subprocess.CompletedProcess(words, 1, "", f"{error}\n")
        return subprocess.CompletedProcess(words, 0, self._answer(words, verb, arguments), "")

    def _answer(self, words: Sequence[str], verb: str, arguments: list[str]) -> str:
        if verb == "version":
            return "2.40.3\n"
        if verb == "ps":
            return "".join(json.dumps(row) + "\n" for row in self.containers.values())
        if verb == "logs":
            return "an error of the program\n"
        if verb == "up":
            file = json.loads(Path(words[words.index("--file") + 1]).read_text())
            self._start(arguments[-1], file["services"][arguments[-1]])
        elif verb == "stop":
            self._row(arguments[-1])["State"] = "exited"
        elif verb == "rm":
            del self.containers[self._row(arguments[-1])["Service"]]
        return ""

    def _start(self, name: str, service: dict[str, Any]) -> None:
        is_broken = "broken" in service["image"]
        row: dict[str, Any] = {
            "ID": f"id-{name}",
            "Service": name,
            "State": "running",
            "Status": "Up 5 seconds",
            "ExitCode": 0,
            "Health": "",
            "Labels": ",".join(f"{key}={value}" for key, value in service["labels"].items()),
        }
        if service["restart"] == "no":
            row |= {"State": "exited", "ExitCode": 3 if is_broken else 0}
        elif "healthcheck" in service:
            row["Health"] = "unhealthy" if is_broken else "healthy"
        self.containers[name] = row

    def _row(self, id: str) -> dict[str, Any]:
        return next(row for row in self.containers.values() if row["ID"] == id)


def _split(words: Sequence[str]) -> list[str]:
    """Return the verb and its arguments, without the options of `compose`."""
    rest = list(words)
    if rest[0] == "compose":
        rest = rest[1:]
        while rest[0].startswith("-"):
            rest = rest[2:]
    return rest
