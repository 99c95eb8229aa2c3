"""Only who names a host of ours and holds the token is heard; every change is in the audit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from neurova.errors import StateError, Unavailable
from neurova.http.problem import Reject
from neurova_gateway.admin.audit import Audit
from neurova_gateway.admin.guard import Guard

TOKEN = "nva_" + "t" * 40
App = Callable[[Any, Any, Any], Awaitable[None]]


async def fine(scope: Any, receive: Any, send: Any) -> None:
    scope["state"]["audit"] = {"did": "something", "consumer": "acme"}
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def ask(
    folder: Path,
    app: App = fine,
    *,
    method: str = "GET",
    path: str = "/v1/keys",
    fields: tuple[tuple[str, str], ...] = (
        ("host", "localhost:8001"),
        ("authorization", f"Bearer {TOKEN}"),
    ),
) -> tuple[int, dict[str, str], bytes]:
    guard = Guard(app, TOKEN, Audit(folder / "audit.jsonl"), ["Admin.example"])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields],
        "client": ("127.0.0.1", 5),
        "state": {},
    }
    asyncio.run(guard(scope, None, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(part["body"] for part in sent[1:])


def audited(folder: Path) -> list[dict[str, Any]]:
    file = folder / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


AUTHORIZED = ("authorization", f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8001",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8001",
        "admin.example:99",
    ],
)
def test_hosts_of_ours_are_answered(tmp_path: Path, host: str) -> None:
    assert ask(tmp_path, fields=(("host", host), AUTHORIZED))[0] == 201


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8001",
        "127.0.0.1.evil.example",
        "localhost:",
        "localhost:x",
        "evil:localhost",
        "",
        "127.0.0.2",
        "[::1",
        "::1",
        "\xff",
    ],
)
@pytest.mark.parametrize("path", ["/health", "/v1/keys"])
def test_a_name_that_was_made_to_point_here_is_not_answered(
    tmp_path: Path, host: str, path: str
) -> None:
    status, headers, body = ask(tmp_path, path=path, fields=(("host", host), AUTHORIZED))
    assert status == 421
    assert headers["content-type"] == "application/problem+json"
    assert "admin.hosts" in json.loads(body)["detail"]


@pytest.mark.parametrize("hosts", [[], ["localhost", "localhost"]])
def test_exactly_one_host_is_asked_for(tmp_path: Path, hosts: list[str]) -> None:
    fields = (*(("host", host) for host in hosts), AUTHORIZED)
    assert ask(tmp_path, fields=fields)[0] == 421


@pytest.mark.parametrize(
    "said",
    [
        [],
        ["Bearer"],
        ["Bearer "],
        [TOKEN],
        [f"Basic {TOKEN}"],
        [f"Bearer {TOKEN}x"],
        [f"Bearer {TOKEN[:-1]}"],
        [f"Bearer {TOKEN.upper()}"],
        [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
        ["Bearer \xff"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_without_the_token_nothing_is_answered_nor_audited(
    tmp_path: Path, said: list[str], method: str
) -> None:
    fields = (("host", "localhost"), *(("authorization", value) for value in said))
    status, headers, body = ask(tmp_path, method=method, fields=fields)
    assert status == 401
    assert headers["www-authenticate"] == 'Bearer realm="neurova admin"'
    assert TOKEN not in body.decode()
    assert audited(tmp_path) == []


def test_the_scheme_may_be_spelt_in_any_case(tmp_path: Path) -> None:
    fields = (("host", "localhost"), ("authorization", f"bearer  {TOKEN} "))
    assert ask(tmp_path, fields=fields)[0] == 201


def test_health_needs_no_token(tmp_path: Path) -> None:
    for path in ("/health", "/health/ready"):
        assert ask(tmp_path, path=path, fields=(("host", "localhost"),))[0] == 201
    assert ask(tmp_path, path="/health/x", fields=(("host", "localhost"),))[0] == 401


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "X"])
def test_what_may_change_something_is_audited_before_and_after(tmp_path: Path, method: str) -> None:
    seen: list[list[dict[str, Any]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(audited(tmp_path))
        await fine(scope, receive, send)

    assert ask(tmp_path, app, method=method, path="/v1/consumers/a b")[0] == 201
    [[begun]] = seen
    assert (begun["event"], begun["method"], begun["path"], begun["client"]) == (
        "begun",
        method,
        "/v1/consumers/a%20b",
        "127.0.0.1",
    )
    [_, ended] = audited(tmp_path)
    assert (ended["id"], ended["status"], ended["did"], ended["consumer"]) == (
        begun["id"],
        201,
        "something",
        "acme",
    )


def test_what_only_reads_is_not_audited(tmp_path: Path) -> None:
    ask(tmp_path)
    ask(tmp_path, method="HEAD")
    assert audited(tmp_path) == []


def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        done.append(scope)

    status, headers, body = ask(tmp_path, app, method="POST")
    assert status == 503
    assert headers["retry-after"] == "1"
    assert "nothing is changed" in json.loads(body)["detail"]
    assert done == []


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Reject(422, "limits: x"), 422, "limits: x"),
        (Unavailable("keys.db does not answer"), 503, "keys.db does not answer"),
        (StateError("keys.db: damaged: put a backup in its place"), 503, "damaged"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_fault_below_is_a_problem_and_its_status_is_audited(
    tmp_path: Path, error: Exception, status: int, says: str, method: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    found, headers, body = ask(tmp_path, app, method=method)
    assert found == status
    assert headers["content-type"] == "application/problem+json"
    assert says in json.loads(body)["detail"]
    if method == "POST":
        assert audited(tmp_path)[1]["status"] == status


def test_a_fault_of_its_own_shows_no_internals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret inside")

    status, _, body = ask(tmp_path, app)
    assert status == 500
    assert b"secret" not in body
    assert "secret inside" in caplog.text


def test_what_is_no_request_is_left_alone(tmp_path: Path) -> None:
    guard = Guard(fine, TOKEN, Audit(tmp_path / "audit.jsonl"))
    asyncio.run(guard({"type": "websocket"}, None, None))  # type: ignore[arg-type]
