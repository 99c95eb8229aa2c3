"""Containers of the image built from this checkout: not root, and only the state is writable.

Like a container engine, this mounts the image's files read-only in a new mount namespace, and
runs as the image's user without any capability.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.found import missing
from tests.servers.go_program import cache

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.11-slim"
IMAGE = "localhost/neurova:tested"
_ENTER = """
set -eu
root=$1 state=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$state" "$root/var/lib/neurova"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,ro,bind "$root"
exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups \
  --no-new-privs --bounding-set=-all "$@"
"""
_BASE_PACKAGES = "python3,python3-venv,ca-certificates"


def buildah(*words: str) -> str:
    """Run buildah, which needs no daemon, and return its output."""
    environment = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    ran = subprocess.run(
        ["buildah", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, f"buildah {words[0]}: {ran.stdout[-3000:]}{ran.stderr[-3000:]}"
    return ran.stdout.strip()


def require() -> None:
    """Skip or fail the test if the tools to build and run images are missing."""
    if os.geteuid() != 0:
        missing("image", "root builds and runs it: run this test as root")
    wanted = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    if wanted and shutil.which("apt-get"):
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", *wanted], **quiet)
    elif wanted:
        missing(" and ".join(wanted), "install what builds images")


def build() -> int:
    """Build IMAGE; return its growth over the base image in bytes."""
    require()
    _base()
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    wheel = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(wheel, cwd=ROOT, check=True, capture_output=True)
    # The build uses this machine's package settings and certificates.
    secrets = [
        word
        for name, file in (("pip", "/etc/pip.conf"), ("ca", "/etc/ssl/certs/ca-certificates.crt"))
        if Path(file).is_file()
        for word in ("--secret", f"id={name},src={file}")
    ]
    file = "infra/docker/Dockerfile"
    buildah("bud", "--pull=never", "--layers=false", *secrets, "-f", file, "-t", IMAGE, ".")
    return _size(IMAGE) - _size(BASE)


def _base() -> None:
    """Create a minimal Debian base image, so that no image registry is needed."""
    if BASE in buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return
    folder = cache() / "image-base-bookworm"
    if not folder.exists():
        making = folder.with_suffix(f".{os.getpid()}")
        made = ["debootstrap", "--variant=minbase", f"--include={_BASE_PACKAGES}", "bookworm"]
        subprocess.run([*made, str(making)], check=True, capture_output=True)
        making.rename(folder)
    container = buildah("from", "scratch")
    buildah("add", "-q", container, f"{folder}/", "/")
    buildah("commit", "-q", container, BASE)
    buildah("rm", container)


def _size(image: str) -> int:
    """Return the size of an image's files in bytes."""
    with Container(image) as opened:
        told = subprocess.run(["du", "-sxb", opened.root], capture_output=True, text=True)
        return int(told.stdout.split()[0])


class Container:
    """The files of an image, and command lines that run inside it."""

    def __init__(self, image: str = IMAGE) -> None:
        self._name = buildah("from", "--pull=never", image)
        self.root = buildah("mount", self._name)
        self.config: dict[str, Any] = json.loads(buildah("inspect", image))["OCIv1"]["config"]

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        buildah("umount", self._name)
        buildah("rm", self._name)

    def command(self, state: Path, words: Sequence[str], **environment: str) -> list[str]:
        """Return a command line that runs `words` with the image's environment, user and folder."""
        values = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        inside = ["env", "-i", "-C", self.config["WorkingDir"], *values, *words]
        entering = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER]
        return [*entering, "enter", self.root, str(state), *inside]

    def run(self, state: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(state, words, **environment), capture_output=True, text=True
        )
