"""The image is small and unprivileged, runs on a read-only file system and passes Booking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.functions.booking.test_http import *  # noqa: F403 - the suite, run here too

from . import container
from .contained import Contained
from .container import Container

pytestmark = [pytest.mark.server, pytest.mark.image]
MOST = 250 << 20


@pytest.fixture
def platform(image: Container, state: Path) -> Iterator[Contained]:
    """Override the Booking suite's fixture: return a container with its own state."""
    upgraded = image.run(state, "neurova", "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    here = {"NEUROVA_GATEWAY_HOST": "127.0.0.1"}
    with Contained(image, state, image.config["Cmd"], here) as running:
        yield running
        assert running.close() == (0, "")


def test_image_is_at_most_250_mb_larger_than_its_base(grown: int) -> None:
    assert 0 < grown <= MOST


def test_image_is_unprivileged_and_declares_its_volume(image: Container) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert list(config["Volumes"]) == ["/var/lib/neurova"]
    assert list(config["ExposedPorts"]) == ["8000/tcp"]
    assert config["StopSignal"] == "SIGTERM"


def test_only_the_state_folder_is_writable(image: Container, state: Path) -> None:
    tried = "import os; print(os.getuid()); open('/var/lib/neurova/x', 'w'); open('/srv/x', 'w')"
    ran = image.run(state, "python3", "-c", tried)
    assert ran.stdout == "10001\n"
    assert "Read-only file system: '/srv/x'" in ran.stderr
    assert (state / "x").exists()


def test_doctor_finds_no_fault(image: Container, state: Path) -> None:
    assert image.run(state, "neurova", "db", "upgrade").returncode == 0
    told = image.run(state, "neurova", "doctor", NEUROVA_GATEWAY_PORT="0", NEUROVA_ADMIN_PORT="0")
    assert (told.returncode, told.stderr) == (0, ""), told.stdout


def test_build_secrets_are_not_in_the_image(image: Container) -> None:
    assert not (Path(image.root) / "etc/pip.conf").exists()
    history = container.buildah("inspect", container.IMAGE)
    assert "secret" not in json.loads(history)["OCIv1"]["config"].get("Env", [])
