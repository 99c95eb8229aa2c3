"""What a function raises becomes a reply; internals stay inside."""

import json
import logging
from typing import Any

from neurova.errors import Unavailable
from neurova.execution.failures import failure_reply, timeout_reply
from neurova.http.call import Call
from neurova.http.problem import Reject


def call(trace_id: int = 0) -> Call:
    made = Call("GET", b"/x", b"secret=q", [(b"x-api-key", b"nrv_live_secret")], "", b"secret")
    made.trace_id = trace_id
    return made


def test_a_reject_says_what_its_function_said() -> None:
    reply = failure_reply(call(), "shop.f", Reject(409, "sold", headers={"x-a": "1"}))
    assert (reply.status, reply.fields) == (409, [(b"x-a", b"1")])
    assert json.loads(reply.body)["detail"] == "sold"


def test_a_reject_that_cannot_be_sent_is_500_and_logged(caplog: Any) -> None:
    fields: Any = {"retry-after": 5}
    for reject in (
        Reject(409, headers={"x-a": "a\nb"}),
        Reject(409, headers={"content-length": "3"}),
        Reject(409, headers={"location": "/caf\u20ac"}),
        Reject(429, headers=fields),
    ):
        caplog.clear()
        reply = failure_reply(call(), "shop.f", reject)
        assert reply.status == 500
        (record,) = caplog.records
        assert record.neurova["error"] in reply.body.decode()


def test_anything_else_is_500_with_the_id_that_the_log_has(caplog: Any) -> None:
    with caplog.at_level(logging.ERROR, "neurova"):
        reply = failure_reply(call(), "shop.f", ValueError("the password is 1234"))
    (record,) = caplog.records
    assert reply.status == 500
    assert b"1234" not in reply.body
    assert b"ValueError" not in reply.body
    assert record.neurova["error"] in reply.body.decode()
    assert record.neurova["function"] == "shop.f"
    assert record.exc_info is not None
    assert "secret" not in caplog.text


def test_the_id_is_the_trace_when_there_is_one(caplog: Any) -> None:
    reply = failure_reply(call(trace_id=255), "shop.f", SystemExit(3))
    assert json.loads(reply.body)["trace_id"] == f"{255:032x}"
    assert f"{255:032x}" in caplog.text


def test_a_store_that_does_not_answer_is_503_with_retry_after(caplog: Any) -> None:
    reply = failure_reply(call(), "shop.f", Unavailable("booking.db: locked"))
    assert reply.status == 503
    assert (b"retry-after", b"1") in reply.fields
    assert b"booking.db" not in reply.body
    assert "booking.db" in caplog.text


def test_a_late_reply_says_how_long_the_function_had() -> None:
    assert b"0.5 s" in timeout_reply(call(), 0.5).body
