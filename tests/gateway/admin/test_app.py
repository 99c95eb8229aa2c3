"""Routing of the Admin API, and its response headers."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from neurova_gateway.admin.app import create_app
from neurova_gateway.admin.context import AdminContext
from neurova_gateway.admin.operation import Call, operation
from neurova_platform.admin.server import platform_context
from neurova_platform.testing.platform import TestPlatform


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v1/", "/v1/keys/", "/v1/nothing", "/v1/keys/a/b", "/v1/keys/../etc/passwd"),
        *("/v1/functions/probe.nothing", "/v1/keys/key_nothing", "/v1/consumers/nobody"),
    ],
)
def test_unknown_path_returns_404(running: TestPlatform, path: str) -> None:
    response = running.admin("GET", path)
    assert response.status == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/keys/x", {"GET", "HEAD"}),
        ("PUT", "/v1/functions", {"GET", "HEAD"}),
        ("GET", "/v1/keys/x/revoke", {"POST"}),
        ("OPTIONS", "/v1/platform", {"GET", "HEAD"}),
    ],
)
def test_wrong_method_returns_405_with_allow(
    running: TestPlatform, method: str, path: str, allowed: set[str]
) -> None:
    response = running.admin(method, path)
    assert response.status == 405
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/health", "/v1/keys", "/metrics", "/nowhere"])
def test_responses_have_no_cors_cookies_or_caching(
    running: TestPlatform, method: str, path: str
) -> None:
    response = running.admin(method, path, headers={"origin": "https://evil.example"})
    assert response.headers["cache-control"] == "no-store"
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert "set-cookie" not in response.headers
    if method == "HEAD":
        assert response.status == running.admin("GET", path).status


class Greeting(msgspec.Struct):
    """The request body of the `greet` operation."""

    name: str


@operation("POST", "/v1/greetings", status=201, audit="greet")
def greet(context: AdminContext, call: Call, body: Greeting) -> dict[str, str]:
    """Return a greeting."""
    call.audit["greeted"] = body.name
    return {"text": f"Hello {body.name}, by {context.name}"}


async def test_declared_operation_is_routed_described_and_audited(
    running: TestPlatform, tmp_path: Path
) -> None:
    context = msgspec.structs.replace(
        platform_context(running.platform, running.reloads), audit_log=tmp_path / "audit.jsonl"
    )
    app = create_app([greet], context, "t" * 40)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://localhost",
        headers={"authorization": f"Bearer {'t' * 40}"},
    ) as client:
        response = await client.post("/v1/greetings", json={"name": "Ada"})
        document = await client.get("/v1/openapi.json")
    assert (response.status_code, response.json()) == (201, {"text": "Hello Ada, by probe"})
    described = document.json()["paths"]["/v1/greetings"]["post"]
    assert described["summary"] == "Return a greeting."
    assert described["requestBody"]["required"]
    ended = msgspec.json.decode(context.audit_log.read_bytes().splitlines()[1])
    assert (ended["did"], ended["greeted"], ended["status"]) == ("greet", "Ada", 201)


@pytest.mark.parametrize(("method", "audit"), [("POST", ""), ("GET", "read")])
def test_operation_is_audited_exactly_if_it_changes_state(method: str, audit: str) -> None:
    with pytest.raises(ValueError, match="give `audit`"):
        operation(method, "/v1/greetings", audit=audit)(greet.handler)
