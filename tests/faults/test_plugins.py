"""A plugin does its worst in a process that serves: no door opens, and the next call is fine."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from neurova_platform.assets import plugins_folder

from ..conftest import copy_probe
from ..serving import Serving, port_of, serving

pytestmark = pytest.mark.server

# Put behind the source of one of our plugins: it obeys the call's own fields, then does its work.
OBEDIENT = """

import os as _os
import queue as _queue
import select as _select
import socket as _socket
import subprocess as _subprocess
import threading as _threading
import time as _time

_access, _log = Plugin.access, getattr(Plugin, "log", lambda self, kong: None)


def _raises(kong):
    raise ValueError(kong.request.get_header("x-api-key"))


def _raises_base(kong):
    raise BaseException("x")


def _raises_a_group(kong):
    raise BaseExceptionGroup("x", [SystemExit(0), ValueError()])


def _leaves(kong):
    sys.exit(0)


def _quits(kong):
    raise SystemExit("x")


def _interrupts(kong):
    raise KeyboardInterrupt


def _closes(kong):
    raise GeneratorExit


def _stops(kong):
    raise StopIteration


def _recurses(kong):
    _recurses(kong)


def _has_no_memory(kong):
    raise MemoryError


def _exits_with_text(kong):
    kong.response.exit("200", "open")


def _exits_with_nothing(kong):
    kong.response.exit(None)


def _exits_out_of_range(kong):
    kong.response.exit(99)


def _exits_with_an_object(kong):
    kong.response.exit(200, object())


def _exits_with_a_circle(kong):
    circle = {}
    circle["circle"] = circle
    kong.response.exit(200, circle)


def _exits_with_split_field(kong):
    kong.response.exit(200, "open", {"X-A": "b\\r\\nSet-Cookie: c=d"})


def _exits_with_framing(kong):
    kong.response.exit(200, "open", {"Content-Length": "0"})


def _shares_an_object(kong):
    kong.ctx.shared.set("nv", {"consumer": object()})


def _calls_junk(kong):
    kong.request.get_header(object())


def _spins(kong):
    while True:
        pass


def _sleeps(kong):
    _time.sleep(60)


def _reads_a_socket(kong):
    ours, theirs = _socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def _selects(kong):
    _select.select([], [], [], 60)


def _waits_for_a_lock(kong):
    lock = _threading.Lock()
    lock.acquire()
    lock.acquire()


def _waits_for_a_queue(kong):
    _queue.SimpleQueue().get()


def _waits_for_a_process(kong):
    # `exec`: the process that is killed is the one that sleeps.
    _subprocess.run(["sh", "-c", "exec sleep 60"])


def _reads_a_pipe(kong):
    reading, writing = _os.pipe()
    try:
        _os.read(reading, 1)
    finally:
        _os.close(reading)
        _os.close(writing)


def _obey(kong, field):
    order = kong.request.get_header(field)
    if order:
        globals()["_" + order](kong)


def _ordered_access(self, kong):
    _obey(kong, "x-access")
    done = _access(self, kong)
    _obey(kong, "x-after-access")
    return done


def _ordered_log(self, kong):
    _obey(kong, "x-log")
    return _log(self, kong)


Plugin.access, Plugin.log = _ordered_access, _ordered_log
"""

ENDS = [
    "raises", "raises_base", "raises_a_group", "leaves", "quits",
    "interrupts", "closes", "stops", "recurses", "has_no_memory", "exits_with_text",
    "exits_with_nothing", "exits_out_of_range", "exits_with_an_object", "exits_with_a_circle",
    "exits_with_split_field", "exits_with_framing", "shares_an_object", "calls_junk",
]  # fmt: skip
HANGS = [
    "spins", "sleeps", "reads_a_socket", "selects", "waits_for_a_lock", "waits_for_a_queue",
    "waits_for_a_process", "reads_a_pipe",
]  # fmt: skip
# In the log phase there is nothing left to exit from: each is a fault.
IN_LOG = ENDS + HANGS


class Served(NamedTuple):
    """A process that serves the probe with a faulty plugin, over one kept connection."""

    process: Serving
    plugin: str
    connection: http.client.HTTPConnection
    key: str

    def ask(self, method: str, path: str, **orders: str) -> tuple[int, dict[str, str], bytes]:
        """Call with the right key, and orders for the plugin."""
        fields = {name.replace("_", "-"): order for name, order in orders.items()}
        if path != "/count":
            fields["X-API-Key"] = self.key
        body = None if method == "GET" else '{"text":"x"}'
        if body:
            fields["Content-Type"] = "application/json"
        self.connection.request(method, path, body, fields)
        answer = self.connection.getresponse()
        head = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, head, answer.read()

    def ran(self) -> int:
        """Ask the functions how often they ran."""
        return int(json.loads(self.ask("GET", "/count")[2])["count"])

    def faults(self, phase: str) -> int:
        """Count the faults that were told of."""
        return self.process.stderr().count(f"plugin {self.plugin}: {phase} raised ")


@pytest.fixture(scope="module", params=["neurova_auth", "neurova_rate_limit"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    project = copy_probe(tmp_path_factory.mktemp("faulty") / "project")
    folder = project / "plugins"
    shutil.copytree(plugins_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / f"{request.param}.py").open("a") as file:
        file.write(OBEDIENT)
    with (project / "neurova.toml").open("a") as file:
        file.write('[gateway]\nplugins = "plugins"\nphase_deadline = 0.2\n')
    with serving(project, "dev") as running:
        ready = running.event("ready")
        connection = http.client.HTTPConnection("127.0.0.1", port_of(ready), timeout=60)
        key = Path(ready["key_file"]).read_text().strip()
        yield Served(running, request.param.replace("_", "-"), connection, key)
        connection.close()
        assert running.end()[0] == 0


@pytest.mark.parametrize("when", ["x_access", "x_after_access"])
@pytest.mark.parametrize("how", ENDS + HANGS)
def test_a_fault_in_access_is_a_503_and_nothing_runs(served: Served, how: str, when: str) -> None:
    """Whether it comes before or after the plugin's own judgement, on the connection kept."""
    ran, faults = served.ran(), served.faults("access")
    routes = [("POST", "/echo"), ("GET", "/secret"), ("GET", "/items/1")]
    if how in HANGS:
        del routes[1:]
    for method, path in routes:
        status, head, body = served.ask(method, path, **{when: how})
        assert status == 503, body
        assert head["content-type"] == "application/problem+json"
        assert head["retry-after"]
        assert served.key.encode() not in body
        assert served.ran() == ran
    assert served.faults("access") == faults + len(routes)
    assert served.key not in served.process.stderr()
    assert served.ask("GET", "/secret")[0] == 200
    assert served.ran() == ran + 1


@pytest.mark.parametrize("how", IN_LOG)
def test_a_fault_in_log_is_counted_and_the_reply_stands(served: Served, how: str) -> None:
    ran, faults = served.ran(), served.faults("log")
    status, _, body = served.ask("GET", "/secret", x_log=how)
    assert (status, body) == (200, b"told")
    assert served.ran() == ran + 1
    assert served.faults("log") == faults + 1
    assert served.ask("POST", "/echo")[0] == 200
