"""Calls with `Prefer: respond-async` are accepted, run by a subscription, and answered once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

from neurova import get, post
from neurova.async_calls.accepting import prefers_async
from neurova.errors import LoadError
from neurova.http.call import Call
from neurova_platform.testing.platform import TestPlatform
from neurova_platform.testing.response import Response

PROJECT = Path(__file__).parents[2] / "later"
SCOPES = ["shop:sell"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def later(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    neurova_databases: Path,
) -> Iterator[TestPlatform]:
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("NEUROVA_SERVICES_SHOP_DATABASE", server.url)
    with TestPlatform(PROJECT, tmp_path / "state", neurova_databases) as running:
        yield running


def accept(later: TestPlatform, method: str, path: str, **options: Any) -> str:
    """Make an async call; return the path of its status resource."""
    headers = {"prefer": "respond-async", **options.pop("headers", {})}
    accepted = later.call(method, path, headers=headers, scopes=SCOPES, **options)
    assert accepted.status == 202, accepted.text
    return accepted.headers["location"]


def status(later: TestPlatform, path: str) -> Response:
    return later.get(path, scopes=SCOPES)


def sales(later: TestPlatform) -> Any:
    return later.get("/sales", scopes=SCOPES).json()


@pytest.mark.parametrize(
    ("method", "path", "code", "answer"),
    [
        ("POST", "/sales/1", 201, {"number": 1, "consumer": "tester"}),
        ("PUT", "/prices/tea?cents=120", 200, {"tea": 120}),
        ("DELETE", "/prices/tea", 200, {"deleted": "tea"}),
    ],
)
def test_each_kind_of_function_is_answered_later(
    later: TestPlatform, method: str, path: str, code: int, answer: Any
) -> None:
    location = accept(later, method, path)
    assert status(later, location).status == 202
    assert [each.outcome for each in later.run_subscriptions()] == ["handled"]
    found = status(later, location)
    assert (found.status, found.json()) == (code, answer)
    assert found.headers["idempotency-replayed"] == "true"
    assert later.call(method, path, scopes=SCOPES).json() == answer


def test_reject_is_the_answer_and_undoes_changes(later: TestPlatform) -> None:
    location = accept(later, "POST", "/sales/409")
    later.run_subscriptions()
    assert (status(later, location).status, sales(later)) == (409, [])


def test_failing_call_becomes_a_dead_letter(later: TestPlatform) -> None:
    """Its status is 500 until a replay succeeds."""
    location = accept(later, "POST", "/sales/500")
    outcomes = []
    while not outcomes or outcomes[-1] == "retry":
        assert status(later, location).status == 202
        outcomes += [each.outcome for each in later.run_subscriptions()]
        later.clock.advance(3600)
    assert outcomes == ["retry"] * 10 + ["dead"]
    assert (status(later, location).status, sales(later)) == (500, [])
    [letter] = later.dead_letters("shop.async_calls")
    assert "shop.sell was answered with 500" in letter.failures[-1].cause


def test_repeated_call_with_a_key_runs_once(later: TestPlatform) -> None:
    options = {"headers": {"idempotency-key": "one"}}
    first = accept(later, "POST", "/sales/1", **options)
    assert accept(later, "POST", "/sales/1", **options) == first
    later.run_subscriptions()
    assert accept(later, "POST", "/sales/1", **options) == first
    assert later.run_subscriptions() == []
    assert sales(later) == [1]


def test_only_its_consumer_sees_a_call(later: TestPlatform) -> None:
    location = accept(later, "POST", "/sales/1")
    for id in (location, f"{location}0", "/.well-known/neurova/calls/shop.none.00"):
        assert later.get(id, scopes=SCOPES, consumer="other").status == 404
    assert later.get(location).status == 401


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/sales/x", {}, 422),
        ("/sales/1", {"scopes": []}, 403),
        ("/sales/1", {"headers": {"x": "y" * 10_000}, "body": b"x" * 300_000}, 413),
    ],
)
def test_invalid_calls_are_refused_at_once(
    later: TestPlatform, path: str, options: Any, code: int
) -> None:
    headers = {"prefer": "respond-async", **options.get("headers", {})}
    call = {"scopes": SCOPES, **options, "headers": headers}
    assert later.post(path, **call).status == code
    assert later.run_subscriptions() == []


def test_credentials_are_not_published(later: TestPlatform) -> None:
    accept(later, "POST", "/sales/1", headers={"cookie": "a=b", "x-trace": "kept"})
    [event] = later.events
    names = {name for name, _ in event.values["fields"]}
    assert "x-trace" in names
    assert not names & {"x-api-key", "authorization", "cookie"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"respond-async"], True),
        ([b"return=minimal, Respond-Async; x=1 , wait=10"], True),
        ([b"return=minimal", b"respond-async"], True),
        ([b"respond-asynchronously"], False),
        ([b"return=respond-async"], False),
    ],
)
def test_preference(values: list[bytes], expected: bool) -> None:
    call = Call("POST", b"/", b"", [(b"prefer", value) for value in values], "")
    assert prefers_async(call) is expected


def test_option_is_refused_where_it_cannot_work() -> None:
    with pytest.raises(LoadError, match="respond_async"):
        get("/x", respond_async=True)
    with pytest.raises(LoadError, match="respond_async"):
        post("/x", respond_async=True, public=True)


def test_document_describes_the_preference(later: TestPlatform) -> None:
    operation = later.get("/openapi.json").json()["paths"]["/sales/{number}"]["post"]
    assert {"$ref": "#/components/parameters/Prefer"} in operation["parameters"]
    assert set(operation["responses"]["202"]["headers"]) == {"Location"}
