"""No key appears in responses, logs, the terminal, process arguments, stores or reprs."""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe
from ..serving import NEUROVA, port_of, serving
from .raw import exchange

# A function that leaks its input.
CARELESS = '''"""Fail, or log, with what was received."""

from neurova import Log, Reject, Request, get

from .domain import counted


@get("/careless/{how}", public=True)
async def careless(how: str, request: Request, log: Log) -> str:
    key = request.headers.get("x-api-key", "")
    received = f"{key} {request.url}"
    if how == "raises":
        raise ValueError(received)
    if how == "chains":
        try:
            {}[received]
        except KeyError as error:
            raise RuntimeError("it failed") from error
    log.error(f"received {received}", key=key, fields=dict(request.headers))
    counted.append(how)
    return "done"
'''


def forms(key: str) -> list[str]:
    """Return encoded forms of a key that can be decoded."""
    return [
        key,
        quote(key).replace("_", "%5F"),
        key.replace("_", "%5f", 1),
        "".join(f"%{ord(letter):02x}" for letter in key),
        key[:20] + f"%{ord(key[20]):02X}" + key[21:],
        key.replace("n", "%6e", 1).replace("_", "%5f"),
        key.replace("nrv", "NRV"),
        key.replace("_", "%255f"),
    ]


def secrets(key: str) -> list[bytes]:
    """Return parts of a key's random characters, which must not appear anywhere."""
    random = key.removeprefix("nrv_test_").removeprefix("nrv_live_")
    encoded = "".join(f"%{ord(letter):02x}" for letter in random)
    return [random[:12].encode(), random[-12:].encode(), encoded[:36].encode()]


def requests(key: str) -> Iterator[bytes]:
    """Yield requests with a key in every possible place; most of them are refused."""
    end = "Connection: close\r\n\r\n"
    host = "Host: probe\r\n"
    for form in forms(key):
        for target in (
            f"/{form}", f"/count/{form}", f"//{form}", f"/{form}/..", f"/{form};", f"/{form}%00",
            f"/items/{form}", f"/secret/{form}", f"/count?key={form}", f"/secret?{form}={form}",
            f"/items/1?x-api-key={form}", f"/wait/{form}", f"/wait/{form}?{form}", f"/x{form}x",
            f"/careless/raises?key={form}", f"/careless/chains?{form}", f"/careless/logs?{form}",
            f"http://probe/{form}", f"*{form}", form,
        ):  # fmt: skip
            yield f"GET {target} HTTP/1.1\r\n{host}{end}".encode()
        for name in (
            "Host", "Cookie", "Authorization", "X-Neurova-Identity", "X-Forwarded-For", "Expect",
            "traceparent", "tracestate", "User-Agent", "Referer", "Accept", "Content-Type",
            "Origin", "Content-Encoding", "Transfer-Encoding", "Content-Length", "Upgrade",
            form, "X Y",
        ):  # fmt: skip
            for line in ("GET /secret", "POST /echo", "GET /careless/raises", "PUT /echo"):
                fields = host if name != "Host" else ""
                yield f"{line} HTTP/1.1\r\n{fields}{name}: {form}\r\n{end}".encode()
        yield f"{form} /count HTTP/1.1\r\n{host}{end}".encode()
        yield f"GET /count {form}\r\n{host}{end}".encode()
        yield form.encode() + b"\r\n\r\n"
        for body in (
            f'{{"text":{{"{form}":1}}}}', f'{{"{form}":1}}', f'{{"text":1,"times":"{form}"}}',
            f'"{form}"', f"{form}", f"[{form}", f'{{"text":"{form}\udc80"}}',
        ):  # fmt: skip
            data = body.encode("utf-8", "surrogateescape")
            head = f"POST /echo HTTP/1.1\r\n{host}X-API-Key: {key}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            yield (head + end).encode() + data
    for fields in (
        f"X-API-Key: {key}\r\n", f"X-API-Key: {key}\r\nX-API-Key: {key}\r\n",
        f"X-API-Key: {key}x\r\n", f"Authorization: Bearer {key}\r\n", f"X-API-Key: {key}\n\r\n",
        f"Authorization: Basic {key}\r\n", f"X-API-Key: {key}\x00\r\n", f"X-API-Key:\r\n {key}\r\n",
        f"X-API-Key: {key}\r\nAuthorization: Bearer {key}\r\n",
    ):  # fmt: skip
        for target in ("/items/1", "/secret", "/careless/raises", "/careless/chains",
                       "/careless/logs", "/careless/raises?a=b", "/nowhere"):  # fmt: skip
            yield f"GET {target} HTTP/1.1\r\n{host}{fields}{end}".encode()


class Session(NamedTuple):
    """A finished session of `neurova dev` that received keys in every part of a request."""

    keys: list[str]
    state: Path
    responses: bytes
    stderr: str
    events: str
    arguments: bytes


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    project = copy_probe(tmp_path_factory.mktemp("secrets") / "project")
    (project / "functions" / "probe" / "careless.py").write_text(CARELESS)
    words = ["keys", "create", "--consumer", "acme", "--env", "test", "--scope", "probe:secret"]
    made = subprocess.run(
        [NEUROVA, *words, "--json"], cwd=project, check=True, capture_output=True, text=True
    )
    with serving(project, "dev") as running:
        ready = running.event("ready")
        port = port_of(ready)
        keys = [Path(ready["key_file"]).read_text().strip(), json.loads(made.stdout)["key"]]
        responses = b"".join(exchange(port, data) for key in keys for data in requests(key))
        arguments = b""
        for key in keys:
            # Make a slow call, so that the process arguments can be read meanwhile.
            command = [NEUROVA, "call", "GET", "/wait/1000", "--port", str(port)]
            caller = subprocess.Popen(
                command, cwd=project, env={"NEUROVA_KEY": key}, stdout=subprocess.DEVNULL
            )
            while b"wait/1000" not in _arguments(caller.pid):
                pass
            arguments += _arguments(caller.pid) + _arguments(running.process.pid)
            assert caller.wait() == 0
        code, stderr = running.end()
        assert code == 0
        events = "".join(map(json.dumps, running.events))
    return Session(keys, project / ".neurova", responses, stderr, events, arguments)


def _arguments(pid: int) -> bytes:
    if Path("/proc/self/cmdline").exists():
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True).stdout


def assert_absent(keys: list[str], text: bytes) -> None:
    for key in keys:
        for secret in secrets(key):
            at = text.lower().find(secret.lower())
            assert at < 0, text[max(0, at - 300) : at + 300]


@pytest.mark.server
def test_output_contains_no_key(session: Session) -> None:
    assert session.responses.count(b"HTTP/1.1 4") > 1000
    assert session.responses.count(b"HTTP/1.1 500") > 10
    assert "careless" in session.stderr
    assert "/items/" in session.events
    assert b"dev" in session.arguments
    text = (session.stderr + session.events).encode()
    for output in (session.responses, text, session.arguments):
        assert_absent(session.keys, output)


@pytest.mark.server
def test_logs_contain_no_key(session: Session) -> None:
    logs = list((session.state / "logs").iterdir())
    assert sum(file.read_bytes().count(b"\n") for file in logs) > 1000
    for file in logs:
        assert_absent(session.keys, file.read_bytes())
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.server
def test_state_folder_contains_no_key_but_dev_key(session: Session) -> None:
    for file in session.state.rglob("*"):
        if file.is_file() and file.name != "dev.key":
            assert_absent(session.keys, file.read_bytes())
    with closing(sqlite3.connect(session.state / "keys.db")) as store:
        dump = "\n".join(store.iterdump())
    assert "acme" in dump
    assert_absent(session.keys, dump.encode())
    assert (session.state / "dev.key").stat().st_mode & 0o777 == 0o600
    assert session.state.stat().st_mode & 0o777 == 0o700


def test_reprs_show_no_key(probe: TestPlatform) -> None:
    """A debugger or an error page may print a repr."""
    key = probe.key("acme", ["probe:secret"])
    assert probe.get("/secret", key=key).status == 200
    assert probe.get(f"/items/{key}?a={key}", headers={"cookie": key}).status == 401
    ours = [each for each in gc.get_objects() if str(type(each).__module__)[:7] == "neurova"]
    call = Call("GET", b"/secret", key.encode(), [(b"x-api-key", key.encode())], "")
    shown = [repr(call), repr(problem(call, 400, "no")), *map(repr, ours)]
    assert len(shown) > 50
    assert_absent([key], "\n".join(shown).encode())
