"""Requests need an accepted Host and the token; every change is audited."""

from __future__ import annotations

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
HOST = ("host", "localhost:8001")
AUTHORIZATION = ("authorization", f"Bearer {TOKEN}")
App = Callable[[Any, Any, Any], Awaitable[None]]
Response = tuple[int, dict[str, str], bytes]


async def succeed(scope: Any, receive: Any, send: Any) -> None:
    scope["state"]["audit"] = {"did": "something", "consumer": "acme"}
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def request(
    folder: Path,
    app: App = succeed,
    *,
    method: str = "GET",
    path: str = "/v1/keys",
    headers: tuple[tuple[str, str], ...] = (HOST, AUTHORIZATION),
) -> Response:
    audit = Audit(folder / "audit.jsonl")
    guard = Guard(app, TOKEN, audit, ["Admin.example"], public=["/health"])
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the guard reads no body")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5),
        "state": {},
    }
    await guard(scope, receive, send)
    received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], received, b"".join(part["body"] for part in sent[1:])


def audit_lines(folder: Path) -> list[dict[str, Any]]:
    file = folder / "audit.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        *(
            ("/v1/keys", (("host", host), AUTHORIZATION), 201)
            for host in ("LOCALHOST:8001", "127.0.0.1:1", "[::1]:80", "admin.example:9")
        ),
        ("/v1/keys", (HOST, ("authorization", f"bearer  {TOKEN} ")), 201),
        ("/health", (HOST,), 201),
        ("/health/x", (HOST,), 401),
    ],
)
async def test_host_and_token_pass_and_public_paths_need_none(
    tmp_path: Path, path: str, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    for method in ("GET", "HEAD"):
        assert (await request(tmp_path, method=method, path=path, headers=headers))[0] == status
    assert audit_lines(tmp_path) == []


OTHER_HOSTS = """
    evil.example localhost.evil.example evil.example:8001 127.0.0.1.evil.example localhost:
    localhost:x evil:localhost 127.0.0.2 [::1 ::1 \xff
"""


@pytest.mark.parametrize(
    "hosts", [[], [""], ["localhost"] * 2, *([host] for host in OTHER_HOSTS.split())]
)
@pytest.mark.parametrize("path", ["/health", "/v1/keys"])
async def test_any_other_host_returns_421(tmp_path: Path, hosts: list[str], path: str) -> None:
    headers = (*(("host", host) for host in hosts), AUTHORIZATION)
    status, received, body = await request(tmp_path, path=path, headers=headers)
    assert status == 421
    assert received["content-type"] == "application/problem+json"
    assert "admin.hosts" in json.loads(body)["detail"]


WRONG = f"Bearer|Bearer |{TOKEN}|Basic {TOKEN}|Bearer {TOKEN}x|Bearer {TOKEN[:-1]}|Bearer \xff"


@pytest.mark.parametrize(
    "values", [[], [f"Bearer {TOKEN}"] * 2, *([value] for value in WRONG.split("|"))]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_missing_token_returns_401_without_audit(
    tmp_path: Path, values: list[str], method: str
) -> None:
    headers = (HOST, *(("authorization", value) for value in values))
    status, received, body = await request(tmp_path, method=method, headers=headers)
    assert status == 401
    assert received["www-authenticate"] == 'Bearer realm="neurova admin"'
    assert TOKEN not in body.decode()
    assert audit_lines(tmp_path) == []


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "OPTIONS", "X"])
async def test_unsafe_method_is_audited_before_and_after(tmp_path: Path, method: str) -> None:
    lines_before: list[list[dict[str, Any]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        lines_before.append(audit_lines(tmp_path))
        await succeed(scope, receive, send)

    assert (await request(tmp_path, app, method=method, path="/v1/consumers/a b"))[0] == 201
    [[begun]] = lines_before
    begun_again, ended = audit_lines(tmp_path)
    assert begun == begun_again
    assert begun.pop("id") == ended.pop("id")
    del begun["time"], ended["time"]
    target = {"method": method, "path": "/v1/consumers/a%20b", "client": "127.0.0.1"}
    assert begun == {"event": "begun", **target}
    assert ended == {"event": "ended", "status": 201, "did": "something", "consumer": "acme"}


async def test_nothing_is_changed_without_audit(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    calls = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope)

    status, headers, body = await request(tmp_path, app, method="POST")
    assert status == 503
    assert headers["retry-after"] == "1"
    assert "nothing was changed" in json.loads(body)["detail"]
    assert calls == []


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (Reject(422, "limits: x"), 422, "limits: x"),
        (Unavailable("no response", where="keys.db"), 503, "keys.db: no response"),
        (StateError("damaged", fix="restore a backup"), 503, "damaged: restore a backup"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_error_becomes_a_problem_and_is_audited(
    tmp_path: Path, error: Exception, status: int, detail: str, method: str
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    found, headers, body = await request(tmp_path, app, method=method)
    assert found == status
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["detail"] == detail
    if method == "POST":
        assert audit_lines(tmp_path)[1]["status"] == status


async def test_unexpected_error_shows_no_internals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret inside")

    status, _, body = await request(tmp_path, app)
    assert status == 500
    assert b"secret" not in body
    assert "secret inside" in caplog.text
