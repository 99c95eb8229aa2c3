"""Find the environment and commit of a deployment if the command does not name them."""

from __future__ import annotations

import subprocess

from neurova.errors import ConfigError

from ..settings.loading import load, without_secrets


def find_only_environment() -> str:
    """Return the only environment of neurova.toml. Raises ConfigError if there are more."""
    names = sorted(load(secrets=without_secrets).deploy)
    if len(names) == 1:
        return names[0]
    fix = (
        f"name one: {', '.join(names)}"
        if names
        else "name `local`, or add [deploy.NAME]: see docs/deploy.md"
    )
    raise ConfigError("no environment is given", where="deploy", fix=fix)


def find_commit() -> str:
    """Return the commit of the working folder, with a + for uncommitted changes; "" without git."""

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - no shell
            ["git", *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
