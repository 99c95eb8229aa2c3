"""The image: small, without root, on a read-only file system, and it answers the Booking suite."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.functions.booking.test_through_the_platform import *  # noqa: F403 - the suite, run here too

from neurova_gateway.keys.issuer import create
from neurova_gateway.keys.sqlite import SqliteKeyStore
from neurova_platform import client
from neurova_platform.testing import Answer

from . import container
from .container import Container

pytestmark = [pytest.mark.server, pytest.mark.image]
MOST = 150 << 20


@pytest.fixture(scope="module")
def grown() -> int:
    return container.build()


@pytest.fixture(scope="module")
def image(grown: int) -> Iterator[Container]:
    with Container() as opened:
        yield opened


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    os.chown(folder, 10001, 10001)
    return folder


class Contained:
    """A platform in a container, called as the `platform` fixture is."""

    def __init__(self, image: Container, state: Path) -> None:
        upgraded = image.run(state, "neurova", "db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
        words = [*image.config["Entrypoint"], *image.config["Cmd"], "--port", "0", "--json"]
        self.process = subprocess.Popen(
            image.command(state, words, NEUROVA_GATEWAY_HOST="127.0.0.1", NEUROVA_ADMIN_PORT="0"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        self.ready = json.loads(line)
        self.url: str = self.ready["url"]
        self._store = SqliteKeyStore(state / "keys.db")
        self._keys: dict[tuple[str, frozenset[str]], str] = {}

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        scopes: Iterable[str] | None = None,
        consumer: str = "tester",
    ) -> Answer:
        fields = {} if json is None else {"content-type": "application/json"}
        if scopes is not None:
            fields["x-api-key"] = self._key(consumer, frozenset(scopes))
        body = None if json is None else _json(json)
        found = client.send(self.url, method, path, fields, body)
        return Answer(found.status, found.headers, found.body)

    def _key(self, consumer: str, scopes: frozenset[str]) -> str:
        if (consumer, scopes) not in self._keys:
            made = create(self._store, consumer, "live", scopes)
            self._keys[consumer, scopes] = made.key
        return self._keys[consumer, scopes]

    def close(self) -> tuple[int, str]:
        self._store.close()
        # The container's first process is the platform; its parent is what made the container.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        for pid in children.split():
            os.kill(int(pid), signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def platform(image: Container, state: Path) -> Iterator[Contained]:
    """The fixture that the Booking suite asks for: here a container, with a state of its own."""
    running = Contained(image, state)
    yield running
    assert running.close() == (0, "")


def test_it_is_at_most_150_mb_over_its_base(grown: int) -> None:
    assert 0 < grown <= MOST


def test_it_runs_as_nobody_in_particular_and_names_what_it_writes(image: Container) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert list(config["Volumes"]) == ["/var/lib/neurova"]
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["StopSignal"] == "SIGTERM"


def test_nothing_outside_state_can_be_written(image: Container, state: Path) -> None:
    tried = "import os; print(os.getuid()); open('/var/lib/neurova/x', 'w'); open('/srv/x', 'w')"
    ran = image.run(state, "python3", "-c", tried)
    assert ran.stdout == "10001\n"
    assert "Read-only file system: '/srv/x'" in ran.stderr
    assert (state / "x").exists()


def test_its_doctor_is_content(image: Container, state: Path) -> None:
    assert image.run(state, "neurova", "db", "upgrade").returncode == 0
    told = image.run(state, "neurova", "doctor", NEUROVA_GATEWAY_PORT="0", NEUROVA_ADMIN_PORT="0")
    assert (told.returncode, told.stderr) == (0, ""), told.stdout


def test_no_secret_of_the_build_stays_in_it(image: Container) -> None:
    assert not (Path(image.root) / "etc/pip.conf").exists()
    history = container.buildah("inspect", container.IMAGE)
    assert "secret" not in json.loads(history)["OCIv1"]["config"].get("Env", [])
