"""The scripts in Kong's image give each plugin a server, and detect a missing one."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.plugins.kong_double import READ_SECONDS
from tests.serving import until

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
KONG = ROOT / "infra" / "kong"
DOCKERFILE = (KONG / "Dockerfile").read_text()
PLUGINS = ("neurova_auth", "neurova_rate_limit")


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the start script with the program `env` instead of Kong."""
    for name in PLUGINS:
        target = folder / "plugins" / name.replace("_", "-")
        target.mkdir(parents=True)
        shutil.copy(ROOT / "plugins" / f"{name}.py", target)
    environment = {
        "PATH": os.environ["PATH"],
        "PLUGINS": str(folder / "plugins"),
        "PYTHON": sys.executable,
        "KONG_PREFIX": str(folder / "prefix"),
        **variables,
    }
    words = ["/bin/sh", str(KONG / "start.sh"), "env"]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def settings(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert ran.returncode == 0, ran.stderr
    return dict(line.split("=", 1) for line in ran.stdout.splitlines())


def test_each_plugin_has_a_server_socket_and_folder(tmp_path: Path) -> None:
    found = settings(start(tmp_path))
    assert found["KONG_PLUGINSERVER_NAMES"] == "neurova_auth,neurova_rate_limit"
    assert found["KONG_PLUGINS"] == "bundled,neurova-auth,neurova-rate-limit"
    for name in PLUGINS:
        query = shlex.split(found[f"KONG_PLUGINSERVER_{name.upper()}_QUERY_CMD"])
        dump = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        assert dump.count('"Name"') == 1
        assert found[f"KONG_PLUGINSERVER_{name.upper()}_SOCKET"] in (
            f"{tmp_path}/prefix/{name.replace('_', '-')}.sock"
        )


def test_server_without_no_lua_style_is_refused(tmp_path: Path) -> None:
    ran = start(tmp_path, KONG_PLUGINSERVER_NEUROVA_AUTH_START_CMD="python3 neurova_auth.py")
    assert ran.returncode == 78
    assert "add --no-lua-style to KONG_PLUGINSERVER_NEUROVA_AUTH_START_CMD" in ran.stderr


def test_health_needs_kong_and_all_plugin_servers(tmp_path: Path) -> None:
    found = settings(start(tmp_path))
    commands = [found[f"KONG_PLUGINSERVER_{name.upper()}_START_CMD"] for name in PLUGINS]
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        found["KONG_HEALTH_PORT"] = str(proxy.getsockname()[1])
        running = [subprocess.Popen(shlex.split(each), env=os.environ) for each in commands]
        try:
            until(lambda: is_healthy(found))
            running[1].kill()
            running[1].wait()
            assert not is_healthy(found)
        finally:
            for each in running:
                each.kill()
                each.wait()


def is_healthy(variables: Mapping[str, str]) -> bool:
    words = [sys.executable, str(KONG / "health.py")]
    return subprocess.run(words, env=dict(variables), capture_output=True).returncode == 0


def test_image_waits_as_long_as_the_double_for_a_plugin_server() -> None:
    seconds = f"KONG_NGINX_HTTP_LUA_SOCKET_READ_TIMEOUT={READ_SECONDS:.0f}s"
    assert seconds in DOCKERFILE
    assert "KONG_ADMIN_LISTEN=off" in DOCKERFILE
    assert "\nUSER 10001:10001\n" in DOCKERFILE
