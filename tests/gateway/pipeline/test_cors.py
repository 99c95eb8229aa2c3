"""Only configured origins may call from another site."""

from neurova.http.call import Call
from neurova_gateway.pipeline.cors import Cors

CONFIG = {
    "origins": ["https://app.example"],
    "methods": ["GET", "POST"],
    "headers": ["x-api-key"],
    "credentials": True,
    "max_age": 60,
}
PREFLIGHT = [(b"origin", b"https://app.example"), (b"access-control-request-method", b"POST")]


def call(method: str, fields: list[tuple[bytes, bytes]]) -> Call:
    return Call(method, b"/", b"", fields, "")


def test_preflight_from_configured_origin_is_answered() -> None:
    preflight = call("OPTIONS", PREFLIGHT)
    reply = Cors(CONFIG)(preflight)
    assert reply is not None
    assert reply.status == 204
    assert (b"access-control-allow-methods", b"GET, POST") in reply.fields
    assert (b"access-control-allow-origin", b"https://app.example") in preflight.reply_fields
    assert (b"access-control-allow-credentials", b"true") in preflight.reply_fields


def test_other_origin_gets_no_permission() -> None:
    preflight = call("OPTIONS", [(b"origin", b"https://evil.example"), PREFLIGHT[1]])
    assert Cors(CONFIG)(preflight) is None
    assert preflight.reply_fields == [(b"vary", b"origin")]


def test_wildcard_origin_is_not_echoed() -> None:
    preflight = call("GET", [PREFLIGHT[0]])
    assert Cors({"origins": ["*"]})(preflight) is None
    assert preflight.reply_fields == [(b"access-control-allow-origin", b"*")]


def test_response_without_origin_varies_by_origin() -> None:
    preflight = call("GET", [])
    assert Cors(CONFIG)(preflight) is None
    assert preflight.reply_fields == [(b"vary", b"origin")]


def test_wildcard_does_not_vary_by_origin() -> None:
    preflight = call("GET", [])
    assert Cors({"origins": ["*"]})(preflight) is None
    assert preflight.reply_fields == []
