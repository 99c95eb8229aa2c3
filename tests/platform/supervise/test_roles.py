"""Roles with and without a socket are started, replaced and stopped by a real supervisor."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform.settings.loading import load
from neurova_platform.supervise.roles import ChildArguments, roles

from ...serving import until
from .conftest import Workers

EXTRA_ROLES = """
import json, sys
from neurova_platform.serving.listener import bind
from neurova_platform.settings.loading import load
from neurova_platform.supervise.roles import Role
from neurova_platform.supervise.run import run

if __name__ == "__main__":
    listener = bind("127.0.0.1", 0)
    flags = {"gateway.port": 0}
    run(
        load(flags=flags),
        flags,
        lambda event: print(json.dumps(event | {"extra": listener.getsockname()[1]}), flush=True),
        [Role("relay", "relay:run"), Role("extra", "extra:serve", lambda settings: [listener])],
    )
"""
RELAY = """
import asyncio, os
from pathlib import Path


def run(arguments, listener, channel):
    assert listener is None
    asyncio.run(relay(arguments.load_settings(), channel))


async def relay(settings, channel):
    Path("relay.pid").write_text(str(os.getpid()))
    await channel.wait_for_stop(settings.runtime.stuck)
    Path("relay.stopped").write_text(str(os.getpid()))
"""
EXTRA = """
import os
import uvicorn
from neurova_platform.serving.server import Server


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def serve(arguments, listener, channel):
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    Server(config, channel.report_ready, channel=channel).run(sockets=[listener])
"""


@pytest.fixture
def extra(project: Path, start: Callable[..., Workers]) -> Workers:
    """Start a worker, a role without a socket and a role with a socket of its own."""
    (project / "relay.py").write_text(RELAY)
    (project / "extra.py").write_text(EXTRA)
    return start(script=EXTRA_ROLES)


@pytest.mark.server
def test_role_without_socket_is_supervised(extra: Workers, project: Path) -> None:
    pid_file, stopped = project / "relay.pid", project / "relay.stopped"
    ready = extra.run.event("ready")
    assert (ready["workers"], len(ready["pids"])) == (1, 1)
    first = int(pid_file.read_text())
    assert first not in ready["pids"]
    os.kill(first, signal.SIGKILL)
    died = extra.worker("died")
    assert (died["name"], died["pid"]) == ("relay", first)
    started = extra.worker("started")
    assert (started["name"], started["pid"]) == ("relay", int(pid_file.read_text()))
    extra.run.process.send_signal(signal.SIGHUP)
    extra.run.event("restarted")
    until(stopped.exists)
    last = pid_file.read_text()
    assert last != str(started["pid"])
    assert extra.run.end(signal.SIGTERM)[0] == 0
    assert stopped.read_text() == last


@pytest.mark.server
def test_role_with_its_own_socket_is_supervised(extra: Workers) -> None:
    port = extra.run.event("ready")["extra"]

    def ask() -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            return int(answer.read())

    first = ask()
    os.kill(first, signal.SIGKILL)
    until(lambda: ask() != first)
    second = ask()
    extra.run.process.send_signal(signal.SIGHUP)
    until(lambda: ask() != second)
    assert extra.run.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("flags", "names"),
    [({}, ["worker", "admin"]), ({"admin.enabled": False}, ["worker"])],
)
def test_roles_follow_the_settings(
    project: Path, flags: dict[str, object], names: list[str]
) -> None:
    found = roles(load(project, flags={"runtime.workers": 3, **flags}))
    assert [role.name for role in found] == names
    assert found[0].processes == 3
    assert [role.name for role in found if role.serves_functions] == ["worker"]


def test_child_reads_the_present_settings_and_flags(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("[gateway]\nport = 1\n")
    arguments = ChildArguments(tmp_path, load(tmp_path).state, {"gateway.port": 3})
    (tmp_path / "neurova.toml").write_text("[gateway]\nport = 2\n[runtime]\ndrain = 7\n")
    settings = arguments.load_settings()
    assert (settings.runtime.drain, settings.gateway.port) == (7, 3)


def test_changed_state_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "neurova.toml").write_text("")
    arguments = ChildArguments(tmp_path, load(tmp_path).state)
    (tmp_path / "neurova.toml").write_text('[project]\nstate = "other"\n')
    with pytest.raises(ConfigError, match=r"project\.state: changed from .* after a restart"):
        arguments.load_settings()
