"""Packages of npm for the tests, each laid out once in the cache and never committed."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.servers.found import missing

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neurova" / "servers"


def package(name: str, version: str) -> Path:
    """Return the folder of a package; the test is skipped, or fails in CI, when it cannot be had.

    Nothing that a package would run at its installation is run.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing(name, "install Node.js (apt-get install nodejs npm)")
    folder = CACHE / "npm" / f"{name.replace('/', '+')}@{version}"
    found = folder / "node_modules" / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "package.json").is_file():
            wanted = [f"{name}@{version}", "--ignore-scripts", "--no-audit", "--no-fund"]
            got = subprocess.run(
                ["npm", "install", "--silent", "--prefix", folder, *wanted],
                capture_output=True,
                text=True,
            )
            if got.returncode:
                missing(name, f"npm could not get it: {got.stderr[-200:]!r}")
    return found
