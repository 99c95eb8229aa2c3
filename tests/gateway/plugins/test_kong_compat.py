"""Our plugins in Kong's stock plugin server; tests/plugins tests the faults."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from neurova_gateway.keys import key as keys
from neurova_gateway.keys.base import KeyRecord
from neurova_gateway.keys.sqlite import SqliteKeyStore

PLUGINS = Path(__file__).parents[3] / "plugins"
COMMAND = Path(sys.executable).with_name("kong-python-pluginserver")
KEY = keys.generate("live")

pytestmark = pytest.mark.server


class Wire:
    """A connection to a plugin server."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(5)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._unpacker = msgpack.Unpacker(unicode_errors="surrogateescape")

    def call(self, method: str, argument: Any) -> tuple[Any, Any]:
        """Return the error and the result of an RPC."""
        message = [0, 7, f"plugin.{method}", [argument]]
        self.socket.sendall(msgpack.packb(message, unicode_errors="surrogateescape"))
        while True:
            self._unpacker.feed(self.socket.recv(65536))
            for _, number, error, result in self._unpacker:
                assert number == 7
                return error, result


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    folder = tmp_path / "prefix"
    folder.mkdir()
    return folder


@pytest.fixture
def stock(tmp_path: Path, prefix: Path) -> Iterator[Wire]:
    """Run the stock command on the plugins' folder, and connect."""
    store = SqliteKeyStore(tmp_path / "keys.db")
    digest = keys.digest(KEY)
    store.add(KeyRecord("k1", "acme", "live", frozenset(), time.time(), digest=digest))
    store.close()
    with (prefix / "log").open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "-d", PLUGINS, "-p", prefix, "--no-lua-style"], stdout=log, stderr=log
        )
    try:
        path, end = prefix / "python_pluginserver.sock", time.monotonic() + 30
        while not path.exists():
            assert process.poll() is None, (prefix / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        wire = connected(path, end)
        yield wire
        wire.socket.close()
    finally:
        process.kill()
        process.wait()


def connected(path: Path, end: float) -> Wire:
    while True:
        try:
            return Wire(path)
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.02)


def instance(wire: Wire, tmp_path: Path, name: str = "neurova_auth", **config: Any) -> int:
    settings = json.dumps({"state": str(tmp_path), **config})
    error, result = wire.call("StartInstance", {"Name": name, "Config": settings})
    assert error is None
    identity: int = result["Id"]
    return identity


def first(wire: Wire, identity: int) -> dict[str, Any]:
    _, result = wire.call("HandleEvent", {"InstanceId": identity, "EventName": "access"})
    assert isinstance(result, dict)
    return result


def test_stock_command_passes_key_and_refuses_none(stock: Wire, tmp_path: Path) -> None:
    identity = instance(stock, tmp_path)
    begun = first(stock, identity)
    assert begun["Data"]["Method"] == "kong.request.get_headers"
    step = {"EventId": begun["EventId"], "Data": {"x-api-key": [KEY]}}
    asked = []
    while step:
        _, result = stock.call("Step", step)
        if result["Data"] == "ret":
            break
        asked.append(result["Data"]["Method"])
        step = {"EventId": begun["EventId"]}
    assert asked == ["kong.client.authenticate", "kong.ctx.shared.set"]
    begun = first(stock, identity)
    _, result = stock.call("StepMultiMap", {"EventId": begun["EventId"], "Data": {}})
    assert result["Data"]["Method"] == "kong.response.exit"
    assert result["Data"]["Args"][0] == 401


def test_lost_events_and_kongs_errors(stock: Wire, tmp_path: Path) -> None:
    """A step of an ended or unknown event is an error; an error from Kong refuses the call."""
    identity = instance(stock, tmp_path)
    begun = first(stock, identity)
    stock.call("StepMultiMap", {"EventId": begun["EventId"], "Data": {}})
    for number in (begun["EventId"], 1):
        error, _ = stock.call("Step", {"EventId": number})
        assert "not found" in error
    begun = first(stock, identity)
    _, result = stock.call("StepError", {"EventId": begun["EventId"], "Data": "no"})
    assert result["Data"]["Args"][0] == 503


def test_unknown_instance_error_has_kongs_words(stock: Wire, tmp_path: Path) -> None:
    identity = instance(stock, tmp_path)
    stock.call("CloseInstance", identity)
    error, _ = stock.call("HandleEvent", {"InstanceId": identity, "EventName": "access"})
    assert error.startswith("no plugin instance")


@pytest.mark.parametrize(
    ("method", "argument"),
    [("Nonsense", {}), ("__init__", {}), ("HandleEvent", {}), ("HandleEvent", 5), ("Step", None)],
)
def test_connection_remains_usable_after_bad_rpc(
    method: str, argument: Any, stock: Wire, tmp_path: Path
) -> None:
    error, result = stock.call(method, argument)
    assert error
    assert result is None
    assert instance(stock, tmp_path)


def test_refused_config_has_reason_and_keeps_no_lock(stock: Wire, tmp_path: Path) -> None:
    for settings in ({"state": str(tmp_path / "none")}, {"state": ""}):
        config = {"Name": "neurova_auth", "Config": json.dumps(settings)}
        error, _ = stock.call("StartInstance", config)
        assert "neurova_auth" in error
    assert instance(stock, tmp_path)


def test_log_contains_no_key(stock: Wire, tmp_path: Path, prefix: Path) -> None:
    identity = instance(stock, tmp_path)
    for value in (KEY, KEY[:-1], {"a": KEY}, [KEY, KEY]):
        begun = first(stock, identity)
        stock.call("StepMultiMap", {"EventId": begun["EventId"], "Data": {"x-api-key": value}})
    assert KEY[:-1] not in (prefix / "log").read_text()


@pytest.mark.parametrize("arguments", [[], ["--no-lua-style", "-g"], ["--no-lua-style", "-m"]])
def test_dangerous_modes_are_refused_with_fix(arguments: list[str], prefix: Path) -> None:
    command = [sys.executable, PLUGINS / "neurova_auth.py", "-p", prefix, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "start the plugin server with" in ended.stderr


@pytest.mark.parametrize("name", ["neurova-auth", "neurova-rate-limit"])
def test_dump_is_one_json_list(name: str) -> None:
    file = PLUGINS / f"{name.replace('-', '_')}.py"
    ended = subprocess.run(
        [sys.executable, file, "--dump"], capture_output=True, text=True, timeout=30, check=True
    )
    (dump,) = json.loads(ended.stdout)
    assert (dump["Name"], dump["Phases"]) == (name, ["access"])
    assert dump["Priority"] in (1250, 910)
