"""A runtime behind Kong accepts only calls that the gateway signed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import http_server
from tests.gateway.raw_http import request, statuses

from neurova.http.caller import Caller
from neurova_gateway.pipeline.identity import HEADER, Identity, load_key
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

WRITER = Caller("acme", "k1", frozenset(["probe:write"]), "test")


@pytest.fixture
def runtime(probe_project: Path, tmp_path: Path) -> Iterator[TestPlatform]:
    (probe_project / "neurova.toml").write_text('[gateway]\nbehind = "kong"\n')
    with TestPlatform(probe_project, tmp_path / "state") as running:
        yield running


def signed(
    runtime: TestPlatform, method: str, target: str, caller: Caller, environment: str = "test"
) -> str:
    key = load_key(runtime.settings.state / "identity.key")
    return Identity(key, environment).sign(method, target.encode(), caller, time.time())


def echo(runtime: TestPlatform, identity: str | None) -> Response:
    headers = {} if identity is None else {HEADER: identity}
    return runtime.post("/echo", json={"text": "x"}, headers=headers)


def count(runtime: TestPlatform) -> int:
    identity = signed(runtime, "GET", "/count", Caller())
    found: int = runtime.get("/count", headers={HEADER: identity}).json()["count"]
    return found


def test_signed_call_has_its_caller(runtime: TestPlatform) -> None:
    assert echo(runtime, signed(runtime, "POST", "/echo", WRITER)).json()["text"] == "x"
    identity = signed(runtime, "GET", "/items/7", WRITER)
    answer = runtime.get("/items/7", headers={HEADER: identity})
    assert answer.json() == {"id": "7", "consumer": "acme"}


def test_identity_binds_the_query_but_not_the_body(runtime: TestPlatform) -> None:
    """SECURITY.md documents this."""
    headers = {HEADER: signed(runtime, "POST", "/echo", WRITER)}
    answers = [runtime.post("/echo", json={"text": text}, headers=headers) for text in "ab"]
    assert [answer.json()["text"] for answer in answers] == ["a", "b"]
    assert runtime.post("/echo?a=1", json={"text": "a"}, headers=headers).status == 401


def test_unsigned_call_returns_401_on_any_path(runtime: TestPlatform) -> None:
    key = runtime.key(scopes=["probe:write"])
    assert runtime.post("/echo", json={"text": "x"}, key=key).status == 401
    assert runtime.get("/count").status == 401
    assert runtime.get("/nothing").status == 401
    assert count(runtime) == 0


def test_wrong_identity_returns_401(runtime: TestPlatform) -> None:
    good = signed(runtime, "POST", "/echo", WRITER)
    for bad in (
        signed(runtime, "GET", "/echo", WRITER),
        signed(runtime, "POST", "/echo?x=1", WRITER),
        signed(runtime, "POST", "/echo", WRITER, "live"),
        *(good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in (0, 40, -9)),
    ):
        assert echo(runtime, bad).status == 401
    assert count(runtime) == 0


def test_scopes_are_checked_again(runtime: TestPlatform) -> None:
    other = Caller("acme", "k1", frozenset(["other"]), "test")
    assert echo(runtime, signed(runtime, "POST", "/echo", other)).status == 403
    assert echo(runtime, signed(runtime, "POST", "/echo", Caller())).status == 401
    assert count(runtime) == 0


@pytest.mark.parametrize(("spare", "status"), [(200, 200), (30_000, 431)])
async def test_head_limit_leaves_room_for_the_identity(
    probe_project: Path, tmp_path: Path, spare: int, status: int
) -> None:
    """For a request line of 8 KiB, which Kong accepts, the identity takes 11 KiB more."""
    (probe_project / "neurova.toml").write_text('[gateway]\nbehind = "kong"\n')
    target = "/count?" + "x" * 8150
    async with http_server(probe_project, tmp_path / "state") as server:
        identity = signed(server.platform, "GET", target, WRITER)
        fields = f"{HEADER}: {identity}", f"X-Spare: {'y' * spare}"
        assert statuses(await server.send(request("GET", target, *fields))) == [status]
        headers = {HEADER: identity, "X-Spare": "y" * spare}
        response = await server.platform.acall("GET", target, headers=headers)
        assert response.status == status


def test_idempotency_key_belongs_to_signed_consumer(runtime: TestPlatform) -> None:
    def keyed(caller: Caller, text: str) -> Response:
        headers = {HEADER: signed(runtime, "POST", "/echo", caller), "Idempotency-Key": "k"}
        return runtime.post("/echo", json={"text": text}, headers=headers)

    first, again = keyed(WRITER, "x"), keyed(WRITER, "x")
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert keyed(WRITER, "y").status == 422
    other = keyed(Caller("other", "k2", frozenset(["probe:write"]), "test"), "y")
    assert (other.status, other.json()["text"]) == (200, "y")
    assert count(runtime) == 2
