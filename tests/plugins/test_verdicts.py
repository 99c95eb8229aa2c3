"""Our two plugins give the same responses in both hosts."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from neurova.http.caller import Caller
from neurova_gateway.pipeline.identity import HEADER, Identity, load_key

from .cases import AUTH, CASES, LIMIT, TEST, Case
from .conftest import PLUGINS
from .embedded import Embedded
from .kong_double import Kong, Request, Verdict

ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
Build = Callable[[Any], Any]
IDENTITY = HEADER.lower()


def send_case(host: Any, case: Case, key: Callable[[str], str]) -> Verdict:
    def request(fields: list[tuple[str, str]]) -> Request:
        named = re.compile(r"\{([a-z0-9-]+)\}")
        written = [(name, named.sub(lambda m: key(m[1]), value)) for name, value in fields]
        return Request("POST", "/a/b?c=%20d", written, case.client)

    for fields in case.before:
        host.send(request(fields))
    verdict: Verdict = host.send(request(case.fields))
    return verdict


def check(case: Case, verdict: Verdict, key: Callable[[str], str]) -> None:
    assert verdict.status == case.status, verdict
    assert set(case.headers) <= set(verdict.headers)
    assert not set(case.missing) & set(verdict.headers)
    assert {name: verdict.upstream.get(name, []) for name in case.upstream} == case.upstream
    if case.status == 200:
        assert verdict.nv["environment"] == "test"
    else:
        assert case.says in verdict.body.get("detail", "")
    if case.auth is not None and case.status != 200:
        assert verdict.headers["content-type"] == "application/problem+json"
        assert verdict.body["status"] == case.status
        assert key("good") not in json.dumps([verdict.body, verdict.headers])


@ALL
def test_embedded_host_replies_as_in_table(
    case: Case, embedded: Build, key: Callable[[str], str]
) -> None:
    check(case, send_case(embedded(case.settings()), case, key), key)


@pytest.mark.server
@ALL
def test_kong_reply_is_the_same(
    case: Case, embedded: Build, kong: Build, key: Callable[[str], str]
) -> None:
    """Behind Kong, every case gets the same response as embedded, header bytes included."""
    # Use other routes than the embedded run, so that their limits are unused.
    settings = [
        (name, {**config, "route": f"{case.name}-again"} if name == LIMIT else config)
        for name, config in case.settings()
    ]
    behind = send_case(kong(settings), case, key)
    check(case, behind, key)
    within = send_case(embedded(settings), case, key)
    if case.name not in LIMITED_BY_KEY:
        assert comparable(behind, case) == comparable(within, case)


# The embedded run of these cases has already used up the limits of their keys.
LIMITED_BY_KEY = {"key-limit", "consumer-limit-over-keys", "quota"}


def comparable(verdict: Verdict, case: Case) -> dict[str, Any]:
    headers = {
        name: re.sub(r";t=\d+", "", value) if name == "ratelimit" else value
        for name, value in verdict.headers.items()
        if name != "retry-after"
    }
    # Each host has its own guard, whose response differs.
    guarded = verdict.status == 503
    return {
        "status": verdict.status,
        "body": None if guarded else json.loads(re.sub(r"in \d+ s", "", json.dumps(verdict.body))),
        "headers": {} if guarded else headers,
        "upstream": verdict.upstream,
        "nv": verdict.nv,
    }


@pytest.mark.server
def test_number_of_pdk_calls(kong: Build, key: Callable[[str], str], tmp_path: Any) -> None:
    """Auth makes five PDK calls and the limiter two if a call passes; a refusal takes one more.

    Without identity, auth makes three calls plus one for each forged header field.
    """
    identity = tmp_path / "identity.key"
    settings = [
        (AUTH, {**TEST, "identity_key": str(identity)}),
        (LIMIT, {"route": "counted", "limit": "1/hour"}),
    ]
    gateway = kong(settings)
    request = Request(fields=[("X-API-Key", key("good"))])
    assert Counter(gateway.send(request).calls) == {
        "kong.request.get_headers": 1,
        "kong.nginx.get_var": 1,
        "kong.client.authenticate": 1,
        "kong.service.request.set_headers": 1,
        "kong.ctx.shared.set": 2,
        "kong.ctx.shared.get": 1,
    }
    assert gateway.send(request).calls[5:] == ["kong.ctx.shared.get", "kong.response.exit"]
    refused = gateway.send(Request())
    assert refused.calls == ["kong.request.get_headers", "kong.response.exit"]
    unsigned = kong([(AUTH, TEST)])
    fields = [("X-API-Key", key("good"))]
    three = ["kong.request.get_headers", "kong.client.authenticate", "kong.ctx.shared.set"]
    assert unsigned.send(Request(fields=fields)).calls == three
    forged = unsigned.send(Request(fields=[*fields, ("X-Consumer-ID", "root")])).calls
    assert sorted(forged) == sorted([*three, "kong.service.request.clear_header"])
    alone = kong([(LIMIT, {"route": "free"})]).send(Request())
    assert alone.calls == ["kong.ctx.shared.get", "kong.ctx.shared.set"]


def check_identity(host: Any, fields: list[tuple[str, str]], identity: Any) -> Caller:
    sent = [(HEADER, "forged"), *fields]
    verdict = host.send(Request("POST", "/a/%C3%A9?b=\udcff", sent))
    assert verdict.status == 200
    (value,) = verdict.upstream[IDENTITY]
    signer = Identity(load_key(identity), "test")
    return signer.verify("POST", b"/a/%C3%A9?b=\xff", value.encode(), time.time())


@pytest.fixture(params=["embedded", pytest.param("kong", marks=pytest.mark.server)])
def build(request: pytest.FixtureRequest) -> Build:
    """Return the function that builds a host."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.mark.parametrize("public", [False, True])
def test_caller_is_signed(
    public: bool, build: Build, key: Callable[[str], str], tmp_path: Any
) -> None:
    """The plugin signs the caller, and replaces an identity header from the client."""
    identity = tmp_path / "identity.key"
    settings = [(AUTH, {**TEST, "public": public, "identity_key": str(identity)})]
    caller = check_identity(build(settings), [("X-API-Key", key("good"))], identity)
    assert caller.anonymous is public
    assert caller.may("a:read") is not public


def test_identity_and_consumer_headers_combine(
    build: Build, key: Callable[[str], str], tmp_path: Any
) -> None:
    identity = tmp_path / "identity.key"
    config = {**TEST, "identity_key": str(identity), "consumer_headers": True}
    host = build([(AUTH, config)])
    fields = [("X-API-Key", key("good"))]
    assert check_identity(host, fields, identity).consumer == "consumer-good"
    verdict = host.send(Request(fields=[*fields, ("X-Consumer-Username", "root")]))
    assert verdict.upstream["x-consumer-username"] == ["consumer-good"]
    calls = host.send(Request(fields=fields)).calls
    assert len(calls) in (0, 5)  # Kong: no more calls than without consumer headers


class Broken:
    """Stores whose every operation fails."""

    clock = staticmethod(time.time)

    def fail(self, *_: object) -> None:
        raise RuntimeError(*_)

    find = find_cached = admit = fail

    @property
    def keys(self) -> Broken:
        return self

    limiter = keys


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        (AUTH, TEST, "Authentication is unavailable"),
        (LIMIT, {"limit": "1/hour"}, "Rate limiting is unavailable"),
    ],
)
def test_plugins_handle_their_own_errors(
    name: str,
    config: dict[str, Any],
    says: str,
    key: Callable[[str], str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    host = Embedded(PLUGINS, [(name, config)], Broken())  # type: ignore[arg-type]
    verdict = host.send(Request(fields=[("X-API-Key", key("good"))]))
    assert verdict.status == 503
    assert says in verdict.body["detail"]
    assert host.host.faults == {}
    output = capfd.readouterr()
    assert (output.out, output.err) == ("", f"{name}: RuntimeError\n")


@pytest.mark.server
@pytest.mark.parametrize("name", [AUTH, LIMIT])
def test_calls_are_refused_while_server_is_down(
    name: str, servers: Build, kong: Build, key: Callable[[str], str]
) -> None:
    gateway: Kong = kong([(AUTH, TEST), (LIMIT, {"route": "down"})])
    request = Request(fields=[("X-API-Key", key("good"))])
    assert gateway.send(request).status == 200
    server = servers(name)
    before = set(server.instances.values())
    server.kill()
    assert gateway.send(request).status == 503
    assert gateway.send(request).status == 503
    server.start()
    assert gateway.send(request).status == 200
    # The restarted server knows no old ids, so a route cannot run another route's config.
    assert len(set(server.instances.values()) - before) == 1
