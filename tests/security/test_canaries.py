"""Secrets that careless functions leak appear only where they must be stored."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from msgspec import structs

from neurova.settings.settings import Sections
from neurova_platform import http_client
from neurova_platform.settings.loading import load

from ..serving import NEUROVA, PATIENCE, environment, port_of, serving, until

PROJECT = Path(__file__).with_name("leaky")
TOKEN = "tok-8d0f2b/Canary+Token=41~"
STORED = "st0r3d/Canary+Secret=77"
PASSWORD = "pw9d1c77CanaryPassword"
# Secrets from settings: the platform masks them even if a function leaks them.
READ = {
    "LEAKY_TOKEN": TOKEN,
    "NEUROVA_MAIL_URL": f"smtp://me:{PASSWORD}@127.0.0.1:1",
    "NEUROVA_LOGS_LEVEL": "DEBUG",
}
# Client data: the platform itself never shows it.
SENT = {"query": "q7f3aaCanaryQuery", "body": "b51e90CanaryBody"}
# Client data: the platform masks the values of these headers.
FIELDS = {"cookie": "sid=c0ffeeCanaryCookie", "authorization": "Basic YXV0aENhbmFyeUF1dGg="}
STORES = ("dev.key", "admin.token")
"""Files of the state folder that must hold a secret."""


def canaries(key: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield each secret in each encoding, with a name for messages."""
    sent = [*SENT.values(), "c0ffeeCanaryCookie", "YXV0aENhbmFyeUF1dGg="]
    for secret in filter(None, (TOKEN, STORED, PASSWORD, key.removeprefix("nrv_test_"), *sent)):
        for offset in range(3):
            encoded = b64encode(b"_" * offset + secret.encode())
            yield f"{secret} in base64", encoded[4 : 8 * (offset + len(secret)) // 6]
        yield secret, secret.encode()
        yield f"{secret} in a URL", quote(secret, safe="").encode()


class Session(NamedTuple):
    """A finished session of `neurova dev`: its key, state folder, and output by source."""

    key: str
    state: Path
    texts: dict[str, bytes]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    project = shutil.copytree(PROJECT, tmp_path_factory.mktemp("canaries") / "leaky")
    texts: dict[str, bytes] = {}

    def run(*words: str) -> str:
        ran = subprocess.run(
            [NEUROVA, *words],
            cwd=project,
            env=environment() | READ,
            input=STORED.encode(),
            capture_output=True,
            timeout=PATIENCE,
        )
        texts[" ".join(words)] = ran.stdout + ran.stderr
        return ran.stdout.decode()

    run("secrets", "set", "store#token")
    with serving(project, "dev", variables=READ) as running:
        ready = running.event("ready")
        state = project / ".neurova"
        key = Path(ready["key_file"]).read_text().strip()
        texts["responses"] = _call_all(f"http://127.0.0.1:{port_of(ready)}", key)
        until(lambda: json.loads(run("dlq", "list", "leaky.consume", "--json")))
        letter = json.loads(run("dlq", "list", "leaky.consume", "--json"))[0]["id"]
        for words in (
            ("dlq", "show", "leaky.consume", letter),
            ("dlq", "list", "leaky.consume", "--causes"),
            ("dlq", "save", "leaky.consume", letter),
            ("dlq", "replay", "leaky.consume", letter),
            ("explain", "POST", "/leak/raise"),
            ("config",),
            ("doctor",),
            ("doctor", "--json"),
        ):
            run(*words)
        url, token = (
            (state / f"admin.{name}").read_text().strip() for name in ("address", "token")
        )
        for path in (
            "/metrics",
            "/v1/functions",
            "/v1/calls",
            "/v1/queues/leaky.consume/causes",
            "/v1/health",
        ):
            answer = http_client.send(url, "GET", path, {"Authorization": f"Bearer {token}"}, None)
            assert answer.status == 200, path
            texts[path] = answer.body
        code, stderr = running.end()
        assert code == 0
        texts["stderr"] = stderr.encode()
        texts["events"] = json.dumps(running.events).encode()
    return Session(key, state, texts)


def _call_all(url: str, key: str) -> bytes:
    """Send canaries in every part of a request; return all responses."""
    bodies = [
        json.dumps({"text": SENT["body"]}),
        json.dumps({"text": "a", "count": SENT["body"]}),
        SENT["body"],
    ]
    responses = []
    for how in ("raise", "reject", "publish", "mail", "exception", "log"):
        for body in bodies:
            for fields in ({"X-API-Key": key}, {"X-API-Key": key[:-1] + "x"}, {}):
                headers = {"Content-Type": "application/json", "Cookie": FIELDS["cookie"]}
                if "X-API-Key" not in fields:
                    headers["Authorization"] = FIELDS["authorization"]
                path = f"/leak/{how}?q={SENT['query']}&{TOKEN}"
                reply = http_client.send(url, "POST", path, headers | fields, body.encode())
                responses.append(reply.body)
    return b"\n".join(responses)


def assert_absent(text: bytes, where: str, key: str = "") -> None:
    for name, canary in canaries(key):
        at = text.find(canary)
        assert at < 0, (where, name, text[max(0, at - 300) : at + 300])


@pytest.mark.server
def test_output_shows_no_canary(session: Session) -> None:
    assert session.texts["responses"].count(b'"status":409') == 1
    assert session.texts["responses"].count(b'"status":500') == 1
    assert b"RuntimeError" in next(
        text for name, text in session.texts.items() if name.startswith("dlq show")
    )
    assert session.texts["stderr"].count(b"***") > 10
    for where, text in session.texts.items():
        assert_absent(text, where, session.key)


@pytest.mark.server
def test_state_shows_no_canary(session: Session) -> None:
    files = [file for file in session.state.rglob("*") if file.is_file()]
    logs = b"".join(file.read_bytes() for file in files if file.parent.name == "logs")
    assert logs.count(b"***") > 50
    for file in files:
        if file.name not in STORES:
            assert_absent(file.read_bytes(), str(file), session.key)


def test_settings_show_no_canary(tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path, dirs_exist_ok=True)
    settings = load(tmp_path, environ=READ)
    url = f"amqp://me:{PASSWORD}@127.0.0.1/v"
    sections = [getattr(Sections(), field.name) for field in structs.fields(Sections)]
    with_url = [
        structs.replace(section, **{field.name: url})
        for section in sections
        for field in structs.fields(section)
        if field.default == ""
    ]
    assert len(with_url) > 5
    for shown in (settings, *with_url):
        assert_absent(repr(shown).encode(), type(shown).__name__)


@pytest.mark.server
@pytest.mark.parametrize("how", ["process", "thread", "ignored"])
def test_crash_shows_no_canary(how: str) -> None:
    code = f"""if True:
        from threading import Thread
        from neurova.telemetry.redact import add_secret
        from neurova_platform.crash import mask_tracebacks

        def fail(_=None): raise ValueError({TOKEN!r})
        add_secret({TOKEN!r})
        mask_tracebacks()
        class Ignored: __del__ = fail
        {{"process": fail, "thread": Thread(target=fail).start, "ignored": Ignored}}[{how!r}]()
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment())
    assert b"ValueError: ***" in ran.stderr
    assert_absent(ran.stderr, "stderr")
