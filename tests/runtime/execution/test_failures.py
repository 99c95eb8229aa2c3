"""An exception of a function becomes a response without internals."""

import json
import logging
from typing import Any

import pytest

from neurova.errors import Unavailable
from neurova.execution.failures import failure_reply, timeout_reply
from neurova.http.call import Call
from neurova.http.problem import Reject


def call(trace_id: int = 0) -> Call:
    made = Call("GET", b"/x", b"secret=q", [(b"x-api-key", b"nrv_live_secret")], "", b"secret")
    made.trace_id = trace_id
    return made


def test_error_is_500_with_the_id_of_its_log_record(caplog: Any) -> None:
    with caplog.at_level(logging.ERROR, "neurova"):
        reply = failure_reply(call(trace_id=255), "shop.f", ValueError("the password is 1234"))
    (record,) = caplog.records
    assert (reply.status, json.loads(reply.body)["trace_id"]) == (500, f"{255:032x}")
    assert f"{255:032x}" in caplog.text
    assert b"1234" not in reply.body
    assert b"ValueError" not in reply.body
    assert record.neurova == {"function": "shop.f", "consumer": "", "trace_id": 255}
    assert record.exc_info is not None
    assert "secret" not in caplog.text


def test_unavailable_service_is_logged_by_its_name(caplog: Any) -> None:
    failure_reply(call(), "shop.f", Unavailable("booking.db: locked"))
    assert "booking.db" in caplog.text


NESTED = ExceptionGroup("inner", [Reject(410), Reject(404)])


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([Reject(404), Reject(409)], 404),
        ([NESTED, Reject(409)], 410),
        ([Unavailable("down")], 503),
        ([ExceptionGroup("inner", [Unavailable("down")])], 503),
        ([Reject(404), ValueError()], 500),
        ([Reject(404), Unavailable("down")], 500),
        ([NESTED, ExceptionGroup("inner", [KeyError()])], 500),
    ],
)
def test_group_of_one_kind_is_its_first_error(errors: list[Exception], status: int) -> None:
    assert failure_reply(call(), "shop.f", ExceptionGroup("group", errors)).status == status


def test_timeout_names_the_seconds() -> None:
    assert b"0.5 s" in timeout_reply(call(), 0.5).body
