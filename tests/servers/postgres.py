"""A real PostgreSQL server for tests: an existing installation, or one that the tests install.

`postgres` is the session's server; `create()` creates empty databases on it.
`own_postgres` is a server for one test, which may stop and start it.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.servers.apt import can_install, installing
from tests.servers.found import missing

VARIABLE = "NEUROVA_TEST_POSTGRES_URL"
TIMEOUT = 60.0  # seconds to start or stop
# Like a real server's defaults, but with little memory.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "log_min_messages": "warning",
}
INITDB = ["-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]


class PostgresServer:
    """A server at `url` (database postgres, as superuser); external if `binaries` is None."""

    def __init__(self, url: str, folder: Path | None = None, binaries: Path | None = None) -> None:
        self.url = url
        self._folder = folder
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        self._created: list[str] = []

    @property
    def port(self) -> int:
        """Return the port of the server."""
        return urlsplit(self.url).port or 5432

    def create(self) -> str:
        """Create an empty database and return its URL."""
        name = f"nv_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name}")
        self._created.append(name)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def create_without_password(self, patched: pytest.MonkeyPatch) -> str:
        """Create an empty database; return its URL and set the password in PGPASSWORD."""
        parts = urlsplit(self.create())
        patched.setenv("PGPASSWORD", parts.password or "")
        return parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}").geturl()

    def run(self, statement: str, url: str = "") -> list[Any]:
        """Run a statement on the database at `url`, by default postgres, and return its rows."""

        import asyncpg

        async def run() -> list[Any]:
            connection = await asyncpg.connect(url or self.url, timeout=TIMEOUT)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:  # this thread may have a running event loop
            return thread.submit(asyncio.run, run()).result()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        assert self._binaries is not None, "this server was not started by the tests"
        assert self._folder is not None
        options = [word for name, value in self._options() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **_owner(),
            )
        end = time.monotonic() + TIMEOUT
        while not self.is_ready():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < end, "PostgreSQL did not start"
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        from asyncpg import PostgresError

        try:
            return self.run("SELECT 1") == [(1,)]
        except (OSError, PostgresError):
            return False

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the server and keep its data: SIGINT closes connections, SIGQUIT is like a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(TIMEOUT)
            self._process = None

    def clear(self) -> None:
        """Drop the databases of an external server, or delete the whole server."""
        if self._binaries is None:
            for name in self._created:
                self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        else:
            self.stop(signal.SIGQUIT)
            assert self._folder is not None
            shutil.rmtree(self._folder)

    def _options(self) -> list[tuple[str, str]]:
        return [*OPTIONS.items(), ("port", str(self.port))]


def binaries() -> Path:
    """Return the folder of the newest PostgreSQL; install it on Debian as root, else skip."""
    found = _binaries()
    if found is None and can_install():
        _install()
        found = _binaries()
    if found is None:
        missing("PostgreSQL", f"install it (apt-get install postgresql), or set {VARIABLE}")
    return found


def _binaries() -> Path | None:
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda place: float(place.parent.name), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _install() -> None:
    """Install the Debian package without starting a cluster."""
    with installing("PostgreSQL", _binaries) as install:
        if install is not None:
            install("postgresql-common")
            with Path("/etc/postgresql-common/createcluster.conf").open("a") as file:
                file.write("\ncreate_main_cluster = false\n")
            install("postgresql")


def _owner() -> dict[str, Any]:
    """Return the user that runs the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def create_server() -> PostgresServer:
    """Create a new server without starting it."""
    here = binaries()
    # Not in pytest's temporary folder, which that user cannot read.
    folder = Path(tempfile.mkdtemp(prefix="neurova-postgres-"))
    password = secrets.token_hex(12)
    secret = folder / "password"
    secret.write_text(password)
    if owner := _owner():
        for path in (folder, secret):
            os.chown(path, owner["user"], owner["group"])
    subprocess.run(
        [here / "initdb", "-D", folder / "data", "-U", "tester", "--pwfile", secret, *INITDB],
        check=True,
        capture_output=True,
        cwd=folder,
        **_owner(),
    )
    url = f"postgresql://tester:{password}@127.0.0.1:{_free_port()}/postgres"
    return PostgresServer(url, folder, here)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return the session's server; do not stop it."""
    given = os.environ.get(VARIABLE)
    server = PostgresServer(given) if given else create_server()
    try:
        if given is None:
            server.start()
        yield server
    finally:
        server.clear()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Return a running server for one test only."""
    server = create_server()
    try:
        server.start()
        yield server
    finally:
        server.clear()
