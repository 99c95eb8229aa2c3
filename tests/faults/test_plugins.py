"""A faulty plugin in a serving process: its calls are 503, and the next call passes."""

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
from ..plugins.test_faults import BLOCKED, FAULTY, HANGS
from ..serving import Serving, port_of, serving

pytestmark = pytest.mark.server

# Appended to the faulty plugin: the fields of a call name the functions that its phases run.
BY_FIELD = """

class Plugin:
    def __init__(self, config): ...

    def access(self, kong):
        return globals()[kong.request.get_header("x-access") or "does_nothing"](kong)

    def log(self, kong):
        return globals()[kong.request.get_header("x-log") or "does_nothing"](kong)
"""
FAULTS = [
    "raises", "raises_base", "raises_group", "leaves_process", "interrupts", "closes_generator",
    "stops_iteration", "recurses", "has_no_memory", "junk_status", "status_out_of_range",
    "junk_body", "circular_body", "header_splits", "header_frames", "shares_junk",
    "reads_junk_header", "sets_junk_header",
]  # fmt: skip
SETTINGS = """
[gateway]
plugins = "plugins"
extra = ["neurova-faulty"]
phase_deadline = 0.2
"""


class Served(NamedTuple):
    """A process that serves the probe with the faulty plugin, and one connection to it."""

    process: Serving
    connection: http.client.HTTPConnection
    key: str

    def call(self, method: str, path: str, **orders: str) -> tuple[int, dict[str, str], bytes]:
        """Call with a valid key, and orders for the plugin."""
        fields = {name.replace("_", "-"): order for name, order in orders.items()}
        if path != "/count":
            fields["X-API-Key"] = self.key
        body = None if method == "GET" else '{"text":"x"}'
        if body:
            fields["Content-Type"] = "application/json"
        self.connection.request(method, path, body, fields)
        response = self.connection.getresponse()
        head = {name.lower(): value for name, value in response.getheaders()}
        return response.status, head, response.read()

    def count_runs(self) -> int:
        """Return how often functions ran."""
        return int(json.loads(self.call("GET", "/count")[2])["count"])

    def count_faults(self, phase: str) -> int:
        """Count the faults that were reported."""
        return self.process.stderr().count(f"plugin neurova-faulty: {phase} raised ")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    project = copy_probe(tmp_path_factory.mktemp("faulty") / "project")
    folder = project / "plugins"
    shutil.copytree(plugins_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    source = (FAULTY / "neurova_faulty.py").read_text()
    (folder / "neurova_faulty.py").write_text(source + BY_FIELD)
    with (project / "neurova.toml").open("a") as file:
        file.write(SETTINGS)
    with serving(project, "dev") as running:
        ready = running.event("ready")
        connection = http.client.HTTPConnection("127.0.0.1", port_of(ready), timeout=60)
        key = Path(ready["key_file"]).read_text().strip()
        yield Served(running, connection, key)
        connection.close()
        assert running.end()[0] == 0


@pytest.mark.parametrize("fault", FAULTS + HANGS + BLOCKED)
def test_fault_in_access_runs_no_function(served: Served, fault: str) -> None:
    runs, faults = served.count_runs(), served.count_faults("access")
    routes = [("POST", "/echo"), ("GET", "/secret"), ("GET", "/items/1")]
    if fault not in FAULTS:
        del routes[1:]
    for method, path in routes:
        status, head, body = served.call(method, path, x_access=fault)
        assert status == 503, body
        assert head["content-type"] == "application/problem+json"
        assert head["retry-after"]
        assert b"nrv_test_" not in body
        assert served.count_runs() == runs
    assert served.count_faults("access") == faults + len(routes)
    assert "nrv_test_secret" not in served.process.stderr()
    assert served.call("GET", "/secret")[0] == 200
    assert served.count_runs() == runs + 1


@pytest.mark.parametrize("fault", FAULTS + HANGS + BLOCKED)
def test_fault_in_log_changes_no_reply(served: Served, fault: str) -> None:
    runs, faults = served.count_runs(), served.count_faults("log")
    status, _, body = served.call("GET", "/secret", x_log=fault)
    assert (status, body) == (200, b"told")
    assert served.count_runs() == runs + 1
    assert served.count_faults("log") == faults + 1
    assert served.call("POST", "/echo")[0] == 200
