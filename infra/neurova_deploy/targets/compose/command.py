"""Run the command line of Docker or Podman, and translate its errors."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from neurova.errors import ConfigError, NeurovaError, Unavailable

from ..base import DeployError

_ENGINES = ("docker", "podman")
_FIXES = (
    (("port is already allocated", "address already in use"), "stop what uses it, or set `port`"),
    (
        ("pull access denied", "no such image", "failed to resolve source metadata", "manifest"),
        "build or pull it, see docs/image.md; [deploy.<name>] has the names of all images",
    ),
    (("no space left",), "free disk space: `docker system prune` removes unused images"),
)


class Engine:
    """The container engine of this machine, or of the machine in DOCKER_HOST."""

    def __init__(self, program: str) -> None:
        self.program = program

    def check(self) -> str:
        """Return the version of Compose. Raises Unavailable if the engine does not respond."""
        version = self.run("compose", "version", "--short")
        try:
            self.run("info", "--format", "{{.ID}}")
        except DeployError as error:
            raise Unavailable(
                f"the container engine does not respond: {error.what}",
                where=self.program,
                fix="start it (`systemctl start docker`), or set DOCKER_HOST",
            ) from None
        return f"{self.program} compose {version.strip()} responds"

    def run(self, *words: str) -> str:
        """Return the output of a command. Raises DeployError with the last line of its errors."""
        done = subprocess.run(  # noqa: S603 - no shell
            [self.program, *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise explain(done.stderr or done.stdout, words)
        return done.stdout


def find_engine() -> Engine:
    """Return the first engine on PATH that supports Compose. Raises ConfigError if none does."""
    found = [path for path in map(shutil.which, _ENGINES) if path]
    for path in found:
        engine = Engine(path)
        try:
            engine.run("compose", "version", "--short")
        except NeurovaError:
            continue
        return engine
    what = f"{found[0]} has no `compose` command" if found else "there is no container engine"
    raise ConfigError(
        what,
        where="PATH",
        fix="install Docker with its plugin Compose (2.24 or newer); `neurova run` needs neither",
    )


def explain(output: str, words: Sequence[str]) -> DeployError:
    """Return the error of a failed command, built from its output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    what = lines[-1] if lines else "the command failed"
    lower = output.lower()
    fix = next((fix for texts, fix in _FIXES if any(text in lower for text in texts)), "")
    shown = [word for word in words if "/" not in word and not word.startswith("-")]
    return DeployError(what, where=" ".join(shown), fix=fix or "correct the cause and deploy again")
