"""A key is with its owner and nowhere else: not in logs, error pages, repr, arguments, stores."""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from neurova.http.call import Call
from neurova.http.problem import problem
from neurova_platform.testing.platform import TestPlatform

from ..conftest import copy_probe
from ..serving import NEUROVA, port_of, serving
from .raw import exchange

# A function whose author did not think of keys.
CARELESS = '''"""Fail, or log, with what was sent."""

from neurova import Log, Reject, Request, get

from .domain import counted


@get("/careless/{how}", public=True)
async def careless(how: str, request: Request, log: Log) -> str:
    key = request.headers.get("x-api-key", "")
    told = f"{key} {request.url}"
    if how == "raises":
        raise ValueError(told)
    if how == "chains":
        try:
            {}[told]
        except KeyError as error:
            raise RuntimeError("it failed") from error
    log.error(f"told {told}", key=key, fields=dict(request.headers))
    counted.append(how)
    return "done"
'''


def forms(key: str) -> list[str]:
    """Return spellings of a key that a client may send and a reader could turn back."""
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
    """Return what must not be found: parts of the key that its random letters are known by."""
    random = key.removeprefix("nrv_test_").removeprefix("nrv_live_")
    encoded = "".join(f"%{ord(letter):02x}" for letter in random)
    return [random[:12].encode(), random[-12:].encode(), encoded[:36].encode()]


def requests(key: str) -> Iterator[bytes]:
    """Yield requests that hold a key in every place, most of them refused."""
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
            octets = body.encode("utf-8", "surrogateescape")
            head = f"POST /echo HTTP/1.1\r\n{host}X-API-Key: {key}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(octets)}\r\n"
            yield (head + end).encode() + octets
    for fields in (
        f"X-API-Key: {key}\r\n", f"X-API-Key: {key}\r\nX-API-Key: {key}\r\n",
        f"X-API-Key: {key}x\r\n", f"Authorization: Bearer {key}\r\n", f"X-API-Key: {key}\n\r\n",
        f"Authorization: Basic {key}\r\n", f"X-API-Key: {key}\x00\r\n", f"X-API-Key:\r\n {key}\r\n",
        f"X-API-Key: {key}\r\nAuthorization: Bearer {key}\r\n",
    ):  # fmt: skip
        for target in ("/items/1", "/secret", "/careless/raises", "/careless/chains",
                       "/careless/logs", "/careless/raises?a=b", "/nowhere"):  # fmt: skip
            yield f"GET {target} HTTP/1.1\r\n{host}{fields}{end}".encode()


class Driven(NamedTuple):
    """A session of `neurova dev` into which keys were sent everywhere."""

    keys: list[str]
    state: Path
    answers: bytes
    told: str
    said: str
    arguments: bytes


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Driven:
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
        answers = b"".join(exchange(port, octets) for key in keys for octets in requests(key))
        arguments = b""
        for key in keys:
            # A call that lasts, so that its arguments can be seen.
            asked = [NEUROVA, "call", "GET", "/wait/1000", "--port", str(port)]
            caller = subprocess.Popen(
                asked, cwd=project, env={"NEUROVA_KEY": key}, stdout=subprocess.DEVNULL
            )
            while b"wait/1000" not in _arguments(caller.pid):
                pass
            arguments += _arguments(caller.pid) + _arguments(running.process.pid)
            assert caller.wait() == 0
        code, told = running.end()
        assert code == 0
        said = "".join(map(json.dumps, running.seen))
    return Driven(keys, project / ".neurova", answers, told, said, arguments)


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
def test_no_answer_holds_a_key(driven: Driven) -> None:
    assert driven.answers.count(b"HTTP/1.1 4") > 1000
    assert driven.answers.count(b"HTTP/1.1 500") > 10  # the careless ones
    assert_absent(driven.keys, driven.answers)


@pytest.mark.server
def test_no_log_holds_a_key(driven: Driven) -> None:
    logs = list((driven.state / "logs").iterdir())
    assert sum(file.read_bytes().count(b"\n") for file in logs) > 1000
    for file in logs:
        assert_absent(driven.keys, file.read_bytes())
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.server
def test_the_terminal_shows_no_key(driven: Driven) -> None:
    assert "careless" in driven.told
    assert_absent(driven.keys, driven.told.encode())
    assert "/items/" in driven.said
    assert_absent(driven.keys, driven.said.encode())


@pytest.mark.server
def test_no_process_has_a_key_among_its_arguments(driven: Driven) -> None:
    assert b"dev" in driven.arguments
    assert_absent(driven.keys, driven.arguments)


@pytest.mark.server
def test_the_state_holds_no_key_but_the_developers_file(driven: Driven) -> None:
    for file in driven.state.rglob("*"):
        if file.is_file() and file.name != "dev.key":
            assert_absent(driven.keys, file.read_bytes())
    assert (driven.state / "dev.key").stat().st_mode & 0o777 == 0o600
    assert driven.state.stat().st_mode & 0o777 == 0o700


@pytest.mark.server
def test_a_dump_of_the_store_holds_no_usable_key(driven: Driven) -> None:
    store = sqlite3.connect(driven.state / "keys.db")
    dump = "\n".join(store.iterdump()).encode()
    store.close()
    assert b"acme" in dump
    assert_absent(driven.keys, dump)


def _ours() -> Iterator[Any]:
    for found in gc.get_objects():
        if str(type(found).__module__).startswith("neurova"):
            yield found


def test_no_repr_shows_a_key(probe: TestPlatform) -> None:
    """Whatever a debugger or an error page prints of ours, before and after calls."""
    key = probe.key("acme", ["probe:secret"])
    assert probe.get("/secret", key=key).status == 200
    assert probe.get(f"/items/{key}?a={key}", headers={"cookie": key}).status == 401
    call = Call("GET", b"/secret", key.encode(), [(b"x-api-key", key.encode())], "")
    shown = [repr(call), repr(problem(call, 400, "no")), *map(repr, _ours())]
    assert len(shown) > 50
    assert_absent([key], "\n".join(shown).encode())
