"""Roles with and without a socket are started, replaced and stopped by a real supervisor."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from neurova.errors import ConfigError
from neurova_platform import http_client
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
    extra = {"extra": listener.getsockname()[1]}
    flags = {"gateway.port": 0}
    run(
        load(flags=flags),
        flags,
        lambda event: print(json.dumps(event | extra), flush=True),
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


@pytest.mark.server
def test_roles_with_and_without_socket_are_supervised(
    project: Path, start: Callable[..., Workers]
) -> None:
    (project / "relay.py").write_text(RELAY)
    (project / "extra.py").write_text(EXTRA)
    workers = start(script=EXTRA_ROLES)
    pid_file, stopped = project / "relay.pid", project / "relay.stopped"
    ready = workers.run.event("ready")
    assert (ready["workers"], len(ready["pids"])) == (1, 1)

    def ask_extra() -> int:
        return int(
            http_client.send(f"http://127.0.0.1:{ready['extra']}", "GET", "/", {}, None).body
        )

    relay, extra = int(pid_file.read_text()), ask_extra()
    assert len({relay, extra, *ready["pids"]}) == 3
    os.kill(relay, signal.SIGKILL)
    died, started = workers.worker("died"), workers.worker("started")
    assert (died["name"], died["pid"]) == ("relay", relay)
    assert (started["name"], started["pid"]) == ("relay", int(pid_file.read_text()))
    os.kill(extra, signal.SIGKILL)
    assert workers.worker("died")["name"] == "extra"
    second = workers.worker("started")["pid"]
    assert ask_extra() == second
    workers.run.process.send_signal(signal.SIGHUP)
    workers.run.event("restarted")
    until(stopped.exists)
    until(lambda: ask_extra() != second)
    last = pid_file.read_text()
    assert last != str(started["pid"])
    assert workers.run.end(signal.SIGTERM)[0] == 0
    assert stopped.read_text() == last


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
    file = tmp_path / "neurova.toml"
    file.write_text("[gateway]\nport = 1\n")
    arguments = ChildArguments(tmp_path, load(tmp_path).state, {"gateway.port": 3})
    file.write_text("[gateway]\nport = 2\n[runtime]\ndrain = 7\n")
    settings = arguments.load_settings()
    assert (settings.runtime.drain, settings.gateway.port) == (7, 3)
    file.write_text('[project]\nstate = "other"\n')
    with pytest.raises(ConfigError, match=r"project\.state: changed from .* after a restart"):
        arguments.load_settings()
