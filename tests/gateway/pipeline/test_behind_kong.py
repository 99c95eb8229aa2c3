"""A runtime behind Kong takes only what the gateway in front signed, and checks it first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurova.http.caller import Caller
from neurova_gateway.pipeline.identity import HEADER, Identity, load_key
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

WRITER = Caller("acme", "k1", frozenset(["probe:write"]), "test")


@pytest.fixture
def runtime(probe_project: Path, tmp_path: Path) -> Iterator[TestPlatform]:
    (probe_project / "neurova.toml").write_text('[gateway]\nbehind = "kong"\n')
    databases = tmp_path / "databases"
    databases.mkdir()
    with TestPlatform(probe_project, tmp_path / "state", databases) as running:
        yield running


@pytest.fixture
def probe(runtime: TestPlatform) -> TestPlatform:
    """Let the protocol's door lead to the runtime behind Kong."""
    return runtime


def signed(
    runtime: TestPlatform, method: str, target: str, caller: Caller, environment: str = "test"
) -> str:
    key = load_key(runtime.settings.state / "identity.key")
    return Identity(key, environment).sign(method, target.encode(), caller, time.time())


def echo(runtime: TestPlatform, identity: str | None) -> Response:
    headers = {} if identity is None else {HEADER: identity}
    return runtime.post("/echo", json={"text": "x"}, headers=headers)


def ran(runtime: TestPlatform) -> int:
    identity = signed(runtime, "GET", "/count", Caller())
    count: int = runtime.get("/count", headers={HEADER: identity}).json()["count"]
    return count


def test_a_signed_call_is_answered_and_its_caller_is_known(runtime: TestPlatform) -> None:
    assert echo(runtime, signed(runtime, "POST", "/echo", WRITER)).json()["text"] == "x"
    identity = signed(runtime, "GET", "/items/7", WRITER)
    answer = runtime.get("/items/7", headers={HEADER: identity})
    assert answer.json() == {"id": "7", "consumer": "acme"}


def test_an_unsigned_call_gets_nowhere_not_even_to_a_404(runtime: TestPlatform) -> None:
    key = runtime.key(scopes=["probe:write"])
    assert runtime.post("/echo", json={"text": "x"}, key=key).status == 401
    assert runtime.get("/count").status == 401
    assert runtime.get("/nothing").status == 401
    assert ran(runtime) == 0


@pytest.mark.parametrize(
    ("method", "target", "environment"),
    [
        ("GET", "/echo", "test"),
        ("POST", "/echo?x=1", "test"),
        ("POST", "/count", "test"),
        ("POST", "/echo", "live"),
    ],
)
def test_what_was_signed_for_another_call_is_not_believed(
    runtime: TestPlatform, method: str, target: str, environment: str
) -> None:
    identity = signed(runtime, method, target, WRITER, environment)
    assert echo(runtime, identity).status == 401
    assert ran(runtime) == 0


def test_a_tampered_identity_is_not_believed(runtime: TestPlatform) -> None:
    good = signed(runtime, "POST", "/echo", WRITER)
    for place in range(0, len(good), 7):
        bad = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        assert echo(runtime, bad).status == 401
    assert ran(runtime) == 0


def test_the_scopes_of_the_route_are_asked_for_again(runtime: TestPlatform) -> None:
    other = Caller("acme", "k1", frozenset(["other"]), "test")
    assert echo(runtime, signed(runtime, "POST", "/echo", other)).status == 403
    assert echo(runtime, signed(runtime, "POST", "/echo", Caller())).status == 401
    assert ran(runtime) == 0


def test_the_signing_key_is_for_its_owner_alone(runtime: TestPlatform) -> None:
    assert (runtime.settings.state / "identity.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("spare", "status"), [(200, 200), (30_000, 431)])
def test_a_head_has_room_for_the_identity_beside_the_longest_request_line(
    runtime: TestPlatform, door: Any, spare: int, status: int
) -> None:
    """A line of 8 KiB, which Kong takes, is signed as 11 more; there is an end all the same."""
    target = "/count?" + "x" * 8150
    identity = signed(runtime, "GET", target, WRITER)
    head = f"GET {target} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n"
    answer = door.exchange(f"{head}{HEADER}: {identity}\r\nX-Spare: {'y' * spare}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    headers = {HEADER: identity, "X-Spare": "y" * spare}
    assert runtime.get(target, headers=headers).status == status


def test_an_idempotency_key_is_that_of_the_signed_consumer(runtime: TestPlatform) -> None:
    def keyed(caller: Caller, text: str) -> Response:
        headers = {HEADER: signed(runtime, "POST", "/echo", caller), "Idempotency-Key": "k"}
        return runtime.post("/echo", json={"text": text}, headers=headers)

    first, again = keyed(WRITER, "x"), keyed(WRITER, "x")
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert keyed(WRITER, "y").status == 422
    other = keyed(Caller("other", "k2", frozenset(["probe:write"]), "test"), "y")
    assert (other.status, other.json()["text"]) == (200, "y")
    assert ran(runtime) == 2
