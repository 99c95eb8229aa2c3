"""What runs beside the workers is started, replaced and ended as they are."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from neurova_platform.settings.loading import load
from neurova_platform.supervise.children import beside

from ...serving import environment, until

pytestmark = pytest.mark.server

TARGET = """
import os
import uvicorn
from neurova_platform.serving.server import Server


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def serve(order, listener, leash):
    assert order.settings().project.name == "beside"
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    Server(config, leash.ready, leash=leash).run(sockets=[listener])
"""
RUN = """
import json, sys
from neurova_platform.serving.listener import bind
from neurova_platform.settings.loading import load
from neurova_platform.supervise import run
from neurova_platform.supervise.slot import Slot

if __name__ == "__main__":
    listener = bind("127.0.0.1", 0)
    run.beside = lambda settings: [Slot("extra", "extra:serve", listener)]
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    run.run(load(), {"gateway.port": 0}, lambda event: print(json.dumps(event), flush=True))
"""


def test_one_beside_answers_on_its_own_socket_is_replaced_and_ends(project: Path) -> None:
    (project / "neurova.toml").write_text('[project]\nname = "beside"\n')
    (project / "extra.py").write_text(TARGET)
    (project / "supervised.py").write_text(RUN)
    with subprocess.Popen(
        [sys.executable, "supervised.py"],
        cwd=project,
        env=environment() | {"NEUROVA_GATEWAY_PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        try:
            port = json.loads(run.stdout.readline())["port"]

            def ask() -> int:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
                    return int(answer.read())

            first = ask()
            os.kill(first, signal.SIGKILL)
            until(lambda: ask() != first)
            second = ask()
            run.send_signal(signal.SIGHUP)
            until(lambda: ask() != second)
        finally:
            run.send_signal(signal.SIGTERM)
            events = [json.loads(line) for line in run.stdout]
    assert run.returncode == 0
    ready = next(each for each in events if each["event"] == "ready")
    assert ready["workers"] == 1
    assert first not in ready["pids"]
    assert {each["name"] for each in events if each["event"] == "worker"} == {"extra", "worker 0"}


def test_what_is_there_is_served_on_sockets_that_are_held(project: Path) -> None:
    slots = beside(load(project, flags={"admin.port": 0}))
    for slot in slots:
        slot.listener.close()
    assert all(not slot.is_worker for slot in slots)
