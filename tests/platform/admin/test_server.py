"""The Admin API of a process that serves: where it listens, what it tells, what it bears."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Serving, serving, until

from neurova.errors import ConfigError
from neurova.files.private import read_private_file, write_private_file
from neurova_platform.admin.address import FILE, announced, listen, written
from neurova_platform.admin.token import load as token_of
from neurova_platform.settings.loading import load


def settings_of(project: Path, **admin: object) -> Any:
    flags = {f"admin.{key}": value for key, value in admin.items()}
    return load(project, environ={}, flags=flags)


def test_it_listens_on_loopback_by_default(probe_project: Path) -> None:
    assert settings_of(probe_project).admin.host == "127.0.0.1"
    with listen(settings_of(probe_project, port=0)) as opened:
        assert opened.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_it_asks_for_the_names_it_is_called_by(
    probe_project: Path, host: str
) -> None:
    with pytest.raises(ConfigError, match=r"admin\.host.*admin\.hosts"):
        settings_of(probe_project, host=host)
    settings_of(probe_project, host=host, hosts=["admin.example"])
    settings_of(probe_project, host=host, enabled=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_names(probe_project: Path, host: str) -> None:
    assert settings_of(probe_project, host=host).admin.hosts == ()


def test_a_name_that_is_none_is_refused(probe_project: Path) -> None:
    with pytest.raises(ConfigError, match="lower-case host name"):
        settings_of(probe_project, hosts=["Admin.Example"])


def test_a_port_that_is_taken_is_said_with_the_fix_or_passed_over_in_dev(
    probe_project: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        chosen = settings_of(probe_project, port=port)
        with pytest.raises(ConfigError, match=rf"{port}.*admin\.port.*admin\.enabled"):
            listen(chosen, elsewhere=True)  # who chose a port wants that one
        default = load(probe_project, environ={})
        moved = type(default.admin)(port=port)
        unchosen = type(default)(
            **{
                name: getattr(default, name)
                for name in default.__struct_fields__
                if name != "admin"
            },
            admin=moved,
        )
        with pytest.raises(ConfigError):
            listen(unchosen)
        with listen(unchosen, elsewhere=True) as opened:
            assert opened.getsockname()[1] != port


def test_an_address_that_cannot_be_had_is_said_in_dev_too(probe_project: Path) -> None:
    nowhere = settings_of(probe_project, host="192.0.2.1", hosts=["admin.example"])
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1.*admin\.enabled"):
        listen(nowhere, elsewhere=True)


def test_who_ends_leaves_the_address_that_another_has_written(probe_project: Path) -> None:
    settings = settings_of(probe_project)
    file = settings.state / FILE
    with written(settings, "http://127.0.0.1:8001"):
        assert read_private_file(file) == "http://127.0.0.1:8001"
        with written(settings, "http://127.0.0.1:8002"):
            pass
        assert read_private_file(file) is None
    with written(settings, "http://127.0.0.1:8001"):
        write_private_file(file, "http://127.0.0.1:8002\n")
    assert read_private_file(file) == "http://127.0.0.1:8002"


def test_it_is_said_who_can_reach_it_and_never_the_token(probe_project: Path) -> None:
    near = announced(settings_of(probe_project), "http://127.0.0.1:8001")
    assert "8001" in near
    assert "admin.token" in near
    assert "other machines" not in near
    far = settings_of(probe_project, host="0.0.0.0", hosts=["admin.example"])
    assert "other machines can reach it, without TLS" in announced(far, "http://127.0.0.1:8001")


def test_a_start_does_not_pay_for_what_only_requests_need() -> None:
    heavy = {"starlette.routing", "prometheus_client", "h11", "importlib.metadata"}
    code = (
        f"import sys, neurova_platform.admin.server; print(*sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


class Operator:
    """Ask the Admin API of a process over a connection of its own."""

    def __init__(self, project: Path, url: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.token = token_of(project / ".neurova")

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Make one request."""
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
        """GET a resource."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)


def call(ready: dict[str, Any], path: str, count: int) -> None:
    """Call the platform."""
    connection = HTTPConnection("127.0.0.1", int(ready["url"].rpartition(":")[2]), timeout=60)
    for _ in range(count):
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


@pytest.fixture
def dev(probe_project: Path) -> Any:
    with serving(probe_project, "dev") as started:
        yield started


def opened(started: Serving, project: Path) -> tuple[Operator, dict[str, Any]]:
    ready = started.event("ready")
    return Operator(project, ready["admin"]), ready


@pytest.mark.server
def test_dev_tells_what_it_serves_counts_what_it_answers_and_shows_what_cannot_be_reloaded(
    probe_project: Path, dev: Serving
) -> None:
    operator, ready = opened(dev, probe_project)
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

    function = probe_project / "functions" / "probe" / "count.py"
    good = function.read_text()
    function.write_text("def broken(:\n")
    assert dev.event("reload")["error"]
    [fault] = operator.json("/v1/reloads")["items"]
    assert (fault["service"], fault["line"]) == ("probe", 1)
    assert fault["file"].endswith("count.py")
    function.write_text(good.replace('"/count"', '"/counted"'))
    while dev.event("reload")["error"]:
        pass
    assert operator.json("/v1/reloads")["items"] == []
    assert operator.json("/v1/functions/probe.count")["path"] == "/counted"

    code, _ = dev.end()
    assert code == 0
    assert not where.exists()


@pytest.mark.server
def test_calls_in_flight_are_seen(probe_project: Path, dev: Serving) -> None:
    operator, ready = opened(dev, probe_project)
    connection = HTTPConnection("127.0.0.1", int(ready["url"].rpartition(":")[2]), timeout=60)
    connection.request("GET", "/wait/5000")
    until(lambda: operator.json("/v1/live")["in_flight"] == 1)
    connection.close()


@pytest.mark.server
def test_run_makes_live_keys_and_counts_anew_at_each_start(probe_project: Path) -> None:
    for _ in range(2):
        with serving(probe_project, "run") as started:
            operator, ready = opened(started, probe_project)
            assert operator.json("/v1/live")["calls"] == 0
            call(ready, "/count", 3)
            status, _, body = operator.ask("POST", "/v1/keys", b'{"consumer": "acme"}')
            assert status == 201
            assert json.loads(body)["key"].startswith("nrv_live_")
            until(lambda: operator.json("/v1/live")["calls"] == 3)  # noqa: B023
            started.end()


@pytest.mark.server
def test_run_sums_all_workers_and_replaces_an_admin_process_that_dies(probe_project: Path) -> None:
    with serving(probe_project, "run", "--workers", "3") as started:
        operator, ready = opened(started, probe_project)
        for _ in range(30):
            call(ready, "/count", 1)
        until(lambda: operator.json("/v1/live")["calls"] == 30)
        told = {each["pid"] for each in operator.json("/v1/workers")["items"]}
        assert told == set(ready["pids"])
        assert "probe.count" in [each["name"] for each in operator.json("/v1/functions")["items"]]
        [admin] = [each["pid"] for each in started.seen if each.get("name") == "admin"]
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
def test_it_can_be_left_out(probe_project: Path, command: str) -> None:
    (probe_project / "neurova.toml").write_text("[admin]\nenabled = false\n")
    with serving(probe_project, command) as started:
        assert started.event("ready")["admin"] == ""
        assert not (probe_project / ".neurova" / "admin.address").exists()


@pytest.mark.server
def test_strangers_learn_nothing_over_the_wire(probe_project: Path, dev: Serving) -> None:
    operator, _ = opened(dev, probe_project)
    for method, path, fields, status in [
        ("GET", "/health", {"Authorization": ""}, 200),
        ("GET", "/health/ready", {"Authorization": ""}, 200),
        ("GET", "/v1/keys", {"Authorization": ""}, 401),
        ("GET", f"/v1/keys?token={operator.token}", {"Authorization": ""}, 401),
        ("GET", f"/v1/keys?access_token={operator.token}", {"Authorization": ""}, 401),
        ("GET", "/metrics", {"Authorization": ""}, 401),
        ("GET", "/v1/keys", {"Host": "evil.example"}, 421),
        ("GET", "/health", {"Host": "evil.example"}, 421),
        ("GET", "/v1/keys", {"X-Forwarded-Host": "evil.example"}, 200),
    ]:
        found, headers, body = operator.ask(method, path, **fields)
        assert found == status, (path, fields)
        assert operator.token.encode() not in body
        assert "server" not in headers
        if status >= 400:
            assert headers["content-type"] == "application/problem+json"


@pytest.mark.server
def test_a_large_body_and_a_large_head_are_refused_without_being_read_in(
    probe_project: Path, dev: Serving
) -> None:
    operator, _ = opened(dev, probe_project)
    for length in (1 << 20, 1 << 40):
        said = f"POST /v1/keys HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        fields = f"Content-Type: application/json\r\nAuthorization: Bearer {operator.token}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", operator.port), timeout=60) as client:
            client.sendall((said + fields).encode() + b"{")
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", operator.port), timeout=60) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 17))
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    assert operator.json("/v1/platform")


@pytest.mark.server
def test_a_client_that_says_nothing_is_cut_and_many_of_them_cost_no_call(
    probe_project: Path, dev: Serving
) -> None:
    operator, ready = opened(dev, probe_project)
    silent = [socket.create_connection(("127.0.0.1", operator.port), 60) for _ in range(80)]
    for client in silent[::2]:
        client.sendall(b"GET /health HT")
    call(ready, "/count", 5)  # the platform itself serves on
    for client in silent:
        client.settimeout(60)
        client.recv(1 << 16)  # cut, or told that there are too many
        client.close()
    until(lambda: operator.ask("GET", "/health")[0] == 200)
