"""Install Debian packages for tests, as root, in one process at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers.found import missing

_INSTALL = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
_INSTALL += ["-o", "DPkg::Lock::Timeout=300"]


def can_install() -> bool:
    """Return whether apt can install packages here."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


@contextmanager
def installing(server: str, find: Callable[[], Any]) -> Iterator[Callable[[str], None] | None]:
    """Yield a function that installs a package, or None if `find` now finds the server.

    The test is skipped when apt fails.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}

    def run(*command: str) -> None:
        try:
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", "") or str(error)
            missing(server, f"apt-get could not install it: {why[-200:]!r}")

    with Path("/tmp/neurova-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if find() is not None:
            yield None
            return
        run("apt-get", "update", "-qq")
        yield lambda package: run(*_INSTALL, package)
