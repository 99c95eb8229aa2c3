"""A real RabbitMQ server for tests: an existing installation, or one that the tests install.

`rabbitmq` is the session's server; `create()` creates empty virtual hosts on it.
`own_rabbitmq` is a server for one test, which may stop, kill and start it.
"""

from __future__ import annotations

import logging
import os
import random
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.servers.apt import can_install, installing
from tests.servers.found import missing

VARIABLE = "NEUROVA_TEST_RABBITMQ_URL"
TIMEOUT = 90.0  # seconds to start or stop
HANDLES = 4_096  # file handles; a quorum queue uses 3
# Not Debian's wrappers in PATH, which change the user and the paths.
PLACES = ("/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin", "/usr/local/sbin")
CONFIGURATION = """
loopback_users = none
disk_free_limit.absolute = 50MB
raft.wal_max_size_bytes = 32000000
num_acceptors.tcp = 2
"""


class RabbitServer:
    """A server at `url` (virtual host /); external if `binaries` is None."""

    def __init__(self, url: str, folder: Path | None = None, binaries: Path | None = None) -> None:
        self.url = url
        self._folder = folder
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self._ports = (_free_port(), _free_port()) if binaries else (0, 0)

    @property
    def port(self) -> int:
        """Return the AMQP port."""
        return urlsplit(self.url).port or 5672

    def create(self) -> str:
        """Create an empty virtual host and return its URL.

        An external server has only the virtual host in its URL.
        """
        if self._binaries is None:
            return self.url
        name, user = f"nv{secrets.token_hex(6)}", urlsplit(self.url).username
        self.control(
            "eval",
            f'rabbit_vhost:add(<<"{name}">>, <<"tests">>), rabbit_auth_backend_internal:'
            f'set_permissions(<<"{user}">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, '
            '<<"tests">>).',
        )
        return f"{self.url.rpartition('/')[0]}/{name}"

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl and return its output."""
        assert self._binaries is not None, "this server was not started by the tests"
        ran = subprocess.run(
            [self._binaries / "rabbitmqctl", "-q", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        assert self._binaries is not None, "this server was not started by the tests"
        assert self._folder is not None
        with (self._folder / "output").open("ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            if self._epmd is None:  # otherwise Erlang starts an epmd that outlives the server
                command = ["epmd", "-port", str(self._ports[0]), "-address", "127.0.0.1"]
                self._epmd = subprocess.Popen(command, **options)
            shell = ["sh", "-c", 'ulimit -n "$(ulimit -Hn)" && exec "$0"']
            self._process = subprocess.Popen(
                [*shell, self._binaries / "rabbitmq-server"], env=self._environment(), **options
            )
        end = time.monotonic() + TIMEOUT
        while not self.is_ready():
            assert self._process.poll() is None, (self._folder / "output").read_text()
            assert time.monotonic() < end, "RabbitMQ did not start"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Return whether it accepts connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as client:
                client.sendall(b"AMQP\0\0\x09\x01")
                return bool(client.recv(1))
        except OSError:
            return False

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the server, or stop it with SIGTERM; it keeps its data."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(TIMEOUT)
            self._process = None

    def sync(self) -> None:
        """Flush declared queues and exchanges to disk.

        RabbitMQ 3.10 loses a quorum queue that is created less than half a second before a kill.
        """
        self.control("eval", "[dets:sync(T) || T <- dets:all()].")

    def signal(self, number: int) -> None:
        """Send a signal to the server."""
        assert self._process is not None
        self._process.send_signal(number)

    def clear(self) -> None:
        """Delete the server and its data."""
        if self._binaries is not None:
            self.kill()
            if self._epmd is not None:
                self._epmd.kill()
                self._epmd.wait(TIMEOUT)
            assert self._folder is not None
            shutil.rmtree(self._folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        assert self._folder is not None
        epmd, distribution = self._ports
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "neurova@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            # The script replaces itself with the server (exec), so its pid is the one to kill.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none",
        }


def binaries() -> Path:
    """Return the folder of rabbitmq-server; install it on Debian as root, else skip the test."""
    found = _binaries()
    if found is None and can_install():
        _install()
        found = _binaries()
    if found is None:
        missing("RabbitMQ", f"install it (apt-get install rabbitmq-server), or set {VARIABLE}")
    return found


def _binaries() -> Path | None:
    on_path = shutil.which("rabbitmq-server")
    places = [*map(Path, PLACES), *([Path(on_path).resolve().parent] if on_path else [])]
    has_epmd = shutil.which("epmd") is not None
    return next((each for each in places if has_epmd and (each / "rabbitmqctl").exists()), None)


def _install() -> None:
    """Install the Debian package without starting the server."""
    policy = Path("/usr/sbin/policy-rc.d")  # Debian runs it before a package starts a service
    with installing("RabbitMQ", _binaries) as install:
        if install is None:
            return
        is_ours = not policy.exists()
        if is_ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            install("rabbitmq-server")
        finally:
            if is_ours:
                policy.unlink()


def _free_port() -> int:
    """Return a free port that no outgoing connection can take while the server is down."""
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", random.randint(20_000, 32_000))) as probe,
        ):
            port: int = probe.getsockname()[1]
            return port


def create_server() -> RabbitServer:
    """Create a new server without starting it."""
    here = binaries()
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # the bus logs the same errors
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most == resource.RLIM_INFINITY or most >= HANDLES, f"at most {most} file handles"
    folder = Path(tempfile.mkdtemp(prefix="neurova-rabbitmq-"))
    password = secrets.token_hex(12)
    user = f"default_user = tester\ndefault_pass = {password}\n"
    (folder / "rabbitmq.conf").write_text(CONFIGURATION + user)
    (folder / "plugins").write_text("[].\n")
    return RabbitServer(f"amqp://tester:{password}@127.0.0.1:{_free_port()}/%2F", folder, here)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitServer]:
    """Return the session's server; do not stop it."""
    given = os.environ.get(VARIABLE)
    server = RabbitServer(given) if given else create_server()
    try:
        if given is None:
            server.start()
        yield server
    finally:
        server.clear()


@pytest.fixture(scope="session")
def rabbitmq_url(rabbitmq: RabbitServer) -> str:
    """Return the URL of a virtual host for tests that delete their own queues."""
    return rabbitmq.create()


@pytest.fixture
def own_rabbitmq() -> Iterator[RabbitServer]:
    """Return a running server for one test only."""
    server = create_server()
    try:
        server.start()
        yield server
    finally:
        server.clear()
