"""Only configured origins may make cross-origin calls."""

from __future__ import annotations

import pytest
from tests.gateway.pipeline.conftest import Run

from neurova.http.call import Call
from neurova_gateway.pipeline.cors import Cors

CONFIG = {
    "origins": ["https://app.example"], "methods": ["GET", "POST"], "headers": ["x-api-key"],
    "credentials": True, "max_age": 60,
}  # fmt: skip
ORIGIN = [(b"origin", b"https://app.example")]
POST = (b"access-control-request-method", b"POST")


def test_preflight_from_configured_origin_is_answered() -> None:
    preflight = Call("OPTIONS", b"/", b"", [*ORIGIN, POST], "")
    reply = Cors(CONFIG)(preflight)
    assert reply is not None
    assert reply.status == 204
    assert (b"access-control-allow-methods", b"GET, POST") in reply.fields
    assert (b"access-control-allow-origin", b"https://app.example") in preflight.reply_fields
    assert (b"access-control-allow-credentials", b"true") in preflight.reply_fields


@pytest.mark.parametrize(
    ("config", "fields", "added"),
    [
        (CONFIG, [(b"origin", b"https://evil.example"), POST], [(b"vary", b"origin")]),
        (CONFIG, [], [(b"vary", b"origin")]),
        ({"origins": ["*"]}, ORIGIN, [(b"access-control-allow-origin", b"*")]),
        ({"origins": ["*"]}, [], []),
    ],
)
def test_response_varies_by_configured_origin(
    config: dict[str, object], fields: list[tuple[bytes, bytes]], added: list[tuple[bytes, bytes]]
) -> None:
    call = Call("OPTIONS", b"/", b"", fields, "")
    assert Cors(config)(call) is None
    assert call.reply_fields == added


def test_preflight_needs_no_key(run_probe: Run) -> None:
    running = run_probe('cors.origins = ["https://a.example"]')
    found = []
    for method, origin in (("OPTIONS", "a"), ("OPTIONS", "b"), ("POST", "a")):
        headers = {"origin": f"https://{origin}.example", "access-control-request-method": "POST"}
        response = running.call(method, "/echo", headers=headers)
        found.append((response.status, response.headers.get("access-control-allow-origin")))
    assert found == [(204, "https://a.example"), (405, None), (401, "https://a.example")]
