"""Apicurio Registry, which has the API of Confluent Schema Registry; downloaded from Maven."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.servers.found import missing
from tests.servers.ports import free_ports
from tests.servers.process import responds, running

VARIABLE = "NEUROVA_TEST_APICURIO_URL"
VERSION = "3.3.3"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
API = "/apis/ccompat/v7"
JAVA = 21
TIMEOUT = 120.0  # seconds to start


@pytest.fixture(scope="session")
def apicurio() -> Iterator[str]:
    """Return the base URL of a registry's Confluent API."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    java, folder = _java(), _download()
    with tempfile.TemporaryDirectory(prefix="neurova-apicurio-") as home:
        port, management = free_ports(2)
        options = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": port,
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": management,
        }
        command = [java, "-Xmx384m", *(f"-D{key}={value}" for key, value in options.items())]
        command += ["-jar", str(folder / "quarkus-run.jar")]
        is_ready = partial(responds, port, API + "/subjects")
        with running("Apicurio", command, home, is_ready, TIMEOUT):
            yield f"http://127.0.0.1:{port}{API}"


def _java() -> str:
    """Return the path of a recent enough Java, else skip the test."""
    found = [path for path in [shutil.which("java")] if path]
    found += map(str, sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True))
    for java in found:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
        version = re.search(r'version "(\d+)', done.stderr)
        if version and int(version[1]) >= JAVA:
            return java
    missing("Apicurio", f"it needs Java {JAVA} (or set {VARIABLE})")


def _download() -> Path:
    """Return the folder of the unpacked distribution, else skip the test."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "neurova" / "servers" / f"apicurio-{VERSION}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "apicurio.lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as made:
                _fetch(Path(made))
                (archive,) = Path(made).glob("*.tar.gz")
                with tarfile.open(archive) as packed:
                    packed.extractall(Path(made) / "unpacked", filter="data")
                (Path(made) / "unpacked").rename(folder)
    return next(folder.rglob("quarkus-run.jar")).parent


def _fetch(folder: Path) -> None:
    if shutil.which("mvn") is None:
        missing("Apicurio", f"it is downloaded by Maven, which is missing (or set {VARIABLE})")
    options = [f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
    try:
        subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy", *options],
            cwd=folder,
            check=True,
            capture_output=True,
            timeout=600,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stdout", b"") or str(error).encode()
        missing("Apicurio", f"Maven could not download it: {said.decode()[-200:]!r}")
