"""Cross-origin calls: nothing is allowed that was not named."""

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


def test_a_preflight_from_a_named_origin_is_answered() -> None:
    asked = call("OPTIONS", PREFLIGHT)
    reply = Cors(CONFIG)(asked)
    assert reply is not None
    assert reply.status == 204
    assert (b"access-control-allow-methods", b"GET, POST") in reply.fields
    assert (b"access-control-allow-origin", b"https://app.example") in asked.reply_fields
    assert (b"access-control-allow-credentials", b"true") in asked.reply_fields


def test_another_origin_gets_no_permission() -> None:
    asked = call("OPTIONS", [(b"origin", b"https://evil.example"), PREFLIGHT[1]])
    assert Cors(CONFIG)(asked) is None
    assert asked.reply_fields == [(b"vary", b"origin")]


def test_any_origin_is_never_echoed() -> None:
    asked = call("GET", [PREFLIGHT[0]])
    assert Cors({"origins": ["*"]})(asked) is None
    assert asked.reply_fields == [(b"access-control-allow-origin", b"*")]


def test_a_cache_does_not_give_a_reply_without_origin_to_who_has_one() -> None:
    asked = call("GET", [])
    assert Cors(CONFIG)(asked) is None
    assert asked.reply_fields == [(b"vary", b"origin")]


def test_a_call_without_origin_is_left_alone_where_any_is_allowed() -> None:
    asked = call("GET", [])
    assert Cors({"origins": ["*"]})(asked) is None
    assert asked.reply_fields == []
