"""The Admin API of a running `neurova dev` or `neurova run`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import LETTERS
from tests.serving import Serving, serving, until

from neurova_platform.admin.access import load_token


class Operator:
    """A client of one process's Admin API."""

    def __init__(self, project: Path, url: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.token = load_token(project / ".neurova")

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        fields = {"Authorization": f"Bearer {self.token}", **headers}
        if body is not None:
            fields.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, fields)
            reply = connection.getresponse()
            named = {name.lower(): value for name, value in reply.getheaders()}
            return reply.status, named, reply.read()
        finally:
            connection.close()

    def json(self, path: str) -> Any:
        """Return the decoded JSON of a resource."""
        status, _, body = self.request("GET", path)
        assert status == 200, body
        return json.loads(body)


def call(ready: dict[str, Any], path: str, count: int) -> None:
    """Make calls to the platform."""
    connection = HTTPConnection("127.0.0.1", int(ready["url"].rpartition(":")[2]), timeout=60)
    for _ in range(count):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


@pytest.fixture
def dev(probe_project: Path) -> Any:
    with serving(probe_project, "dev") as started:
        yield started


def operate(started: Serving, project: Path) -> tuple[Operator, dict[str, Any]]:
    ready = started.event("ready")
    return Operator(project, ready["admin"]), ready


@pytest.mark.server
def test_dev_shows_functions_calls_and_failed_reloads(probe_project: Path, dev: Serving) -> None:
    operator, ready = operate(dev, probe_project)
    assert "127.0.0.1" in ready["admin"]
    assert operator.token not in json.dumps(ready)
    where = probe_project / ".neurova" / "admin.address"
    assert where.read_text().strip() == ready["admin"]
    assert operator.json("/v1/platform")["environment"] == "test"
    names = [each["name"] for each in operator.json("/v1/functions")["items"]]
    assert "probe.count" in names

    call(ready, "/count", 20)
    until(lambda: operator.json("/v1/live")["by_class"] == {"2xx": 20})
    assert [each["path"] for each in operator.json("/v1/calls?limit=1")["items"]] == ["/count"]
    [worker] = operator.json("/v1/workers")["items"]
    assert worker["pid"] == dev.process.pid

    waiting = HTTPConnection("127.0.0.1", int(ready["url"].rpartition(":")[2]), timeout=60)
    waiting.request("GET", "/wait/5000")
    until(lambda: operator.json("/v1/live")["in_flight"] == 1)
    waiting.close()

    function = probe_project / "functions" / "probe" / "count.py"
    good = function.read_text()
    function.write_text("def broken(:\n")
    assert dev.event("reload")["error"]
    [failed] = operator.json("/v1/reloads")["items"]
    assert (failed["service"], failed["line"]) == ("probe", 1)
    assert failed["file"].endswith("count.py")
    function.write_text(good.replace('"/count"', '"/counted"'))
    while dev.event("reload")["error"]:
        pass
    assert operator.json("/v1/reloads")["items"] == []
    assert operator.json("/v1/functions/probe.count")["path"] == "/counted"

    code, _ = dev.end()
    assert code == 0
    assert not where.exists()


@pytest.mark.server
def test_run_creates_live_keys_and_resets_counters_at_start(probe_project: Path) -> None:
    for _ in range(2):
        with serving(probe_project, "run") as started:
            operator, ready = operate(started, probe_project)
            assert operator.json("/v1/live")["calls"] == 0
            call(ready, "/count", 3)
            status, _, body = operator.request("POST", "/v1/keys", b'{"consumer": "acme"}')
            assert status == 201
            assert json.loads(body)["key"].startswith("nrv_live_")
            until(lambda: operator.json("/v1/live")["calls"] == 3)  # noqa: B023 - called in this round
            started.end()


@pytest.mark.server
def test_run_sums_all_workers_and_restarts_a_killed_admin_process(probe_project: Path) -> None:
    with serving(probe_project, "run", "--workers", "3") as started:
        operator, ready = operate(started, probe_project)
        for _ in range(30):
            call(ready, "/count", 1)
        until(lambda: operator.json("/v1/live")["calls"] == 30)
        pids = {each["pid"] for each in operator.json("/v1/workers")["items"]}
        assert pids == set(ready["pids"])
        assert "probe.count" in [each["name"] for each in operator.json("/v1/functions")["items"]]
        [admin] = [each["pid"] for each in started.events if each.get("name") == "admin"]
        os.kill(admin, signal.SIGKILL)
        assert started.event("worker")["what"] == "died"
        assert operator.json("/v1/live")["calls"] == 30
        where = probe_project / ".neurova" / "admin.address"
        assert where.read_text().strip() == ready["admin"]
        started.process.send_signal(signal.SIGHUP)
        started.event("restarted")
        assert operator.json("/v1/live")["calls"] == 30
        assert where.exists()
        assert started.end()[0] == 0
        assert not where.exists()


@pytest.mark.server
@pytest.mark.parametrize("command", ["dev", "run"])
def test_admin_api_can_be_disabled(probe_project: Path, command: str) -> None:
    (probe_project / "neurova.toml").write_text("[admin]\nenabled = false\n")
    with serving(probe_project, command) as started:
        assert started.event("ready")["admin"] == ""
        assert not (probe_project / ".neurova" / "admin.address").exists()


@pytest.mark.server
def test_large_body_and_large_head_are_refused_early(probe_project: Path, dev: Serving) -> None:
    operator, _ = operate(dev, probe_project)
    for length in (1 << 20, 1 << 40):
        head = f"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        fields = f"Content-Type: application/json\r\nAuthorization: Bearer {operator.token}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", operator.port), timeout=60) as client:
            client.sendall((head + fields).encode() + b"{")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", operator.port), timeout=60) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 17))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    assert operator.json("/v1/platform")


@pytest.mark.server
def test_silent_clients_are_disconnected_and_delay_no_call(
    probe_project: Path, dev: Serving
) -> None:
    operator, ready = operate(dev, probe_project)
    silent = [socket.create_connection(("127.0.0.1", operator.port), 60) for _ in range(80)]
    for client in silent[::2]:
        client.sendall(b"GET /health HT")
    call(ready, "/count", 5)  # the platform still serves
    for client in silent:
        client.settimeout(60)
        client.recv(1 << 16)  # either timed out, or refused over the connection limit
        client.close()
    until(lambda: operator.request("GET", "/health")[0] == 200)


@pytest.mark.server
def test_run_edits_and_replays_dead_letters(tmp_path: Path) -> None:
    project = tmp_path / "letters"
    shutil.copytree(LETTERS, project, ignore=shutil.ignore_patterns("__pycache__"))
    with serving(project, "run") as started:
        operator, ready = operate(started, project)
        connection = HTTPConnection("127.0.0.1", int(ready["url"].rpartition(":")[2]), timeout=60)
        connection.request("POST", "/sell/unknown/ada")
        assert connection.getresponse().read() == b""
        connection.close()
        path = "/v1/queues/mail.count/dead-letters"
        until(lambda: len(operator.json(path)["items"]) == 1)
        id = operator.json(path)["items"][0]["id"]
        values = b'{"values": {"item": "tea", "buyer": "ada", "count": 1}}'
        assert operator.request("PATCH", f"{path}/{id}", values)[0] == 200
        body = json.dumps({"ids": [id]}).encode()
        status, _, replay = operator.request("POST", "/v1/queues/mail.count/replays", body)
        assert status == 202
        progress = f"/v1/replays/{json.loads(replay)['id']}"
        until(lambda: operator.json(progress)["handled"] == 1)
        assert operator.json(path)["items"] == []
        assert started.end() == (0, started.stderr())
