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
from ..plugins.test_faults import FAULTY
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
FAULTS = ["raises", "leaves_process", "interrupts", "has_no_memory", "sleeps", "loops", "selects"]
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

    def call(self, path: str, **orders: str) -> tuple[int, dict[str, str], bytes]:
        """Call with a valid key, and orders for the plugin."""
        fields = {name.replace("_", "-"): order for name, order in orders.items()}
        key = {} if path == "/count" else {"X-API-Key": self.key}
        self.connection.request("GET", path, headers=fields | key)
        response = self.connection.getresponse()
        head = {name.lower(): value for name, value in response.getheaders()}
        return response.status, head, response.read()

    def counts(self, phase: str) -> tuple[int, int]:
        """Return how often functions ran, and how many faults of a phase were reported."""
        runs = json.loads(self.call("/count")[2])["count"]
        return runs, self.process.stderr().count(f"plugin neurova-faulty: {phase} raised ")


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


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_access_runs_no_function(served: Served, fault: str) -> None:
    runs, faults = served.counts("access")
    status, head, body = served.call("/secret", x_access=fault)
    assert status == 503, body
    assert head["content-type"] == "application/problem+json"
    assert head["retry-after"]
    assert b"nrv_test_" not in body
    assert served.counts("access") == (runs, faults + 1)
    assert "nrv_test_secret" not in served.process.stderr()
    assert served.call("/secret")[0] == 200
    assert served.counts("access")[0] == runs + 1


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_log_changes_no_reply(served: Served, fault: str) -> None:
    runs, faults = served.counts("log")
    status, _, body = served.call("/secret", x_log=fault)
    assert (status, body) == (200, b"told")
    assert served.counts("log") == (runs + 1, faults + 1)
    assert served.call("/secret")[0] == 200
