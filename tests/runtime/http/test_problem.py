"""Problem responses have the form of RFC 9457 and contain the trace id."""

import json
from typing import Any

import pytest

from neurova.http.call import Call
from neurova.http.problem import Fault, Reject, problem, problem_from_reject


def call() -> Call:
    made = Call("GET", b"/rooms/%C3%A9" + b"x" * 900, b"secret=1", [], "")
    made.trace_id = 1
    return made


def test_problem_has_all_members() -> None:
    reply = problem(call(), 422, "no", errors=[Fault("/a", "is required")], headers={"x-a": "1"})
    assert (reply.status, reply.content_type) == (422, b"application/problem+json")
    assert reply.fields == [(b"x-a", b"1")]
    body = json.loads(reply.body)
    assert body.pop("instance").startswith("/rooms/%C3%A9xx")
    assert body == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "no",
        "trace_id": "00000000000000000000000000000001",
        "errors": [{"pointer": "/a", "message": "is required", "in": "body"}],
    }


def test_unknown_members_are_omitted_and_the_path_is_cut() -> None:
    assert set(json.loads(problem(None, 404).body)) == {"type", "title", "status"}
    body = json.loads(problem(call(), 404).body)
    assert len(body["instance"]) == 256
    assert "secret" not in str(body)


def test_title_and_type_of_a_reject_are_its_own() -> None:
    reject = Reject(409, title="Sold", type="https://x.example/sold")
    body = json.loads(problem_from_reject(None, reject).body)
    assert (body["title"], body["type"]) == ("Sold", "https://x.example/sold")


@pytest.mark.parametrize(
    ("status", "values"),
    [
        *((status, {}) for status in (200, 302, 399, 600, 409.5, "409")),
        *((409, values) for values in ({"detail": {"a": 1}}, {"title": 1}, {"type": None})),
        (409, {"errors": [{"pointer": "/a"}]}),
    ],
)
def test_invalid_reject_is_refused(status: Any, values: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"use 400 to 599|Reject's"):
        Reject(status, **values)


def test_key_in_a_problem_is_masked() -> None:
    key = "nrv_live_0123456789abcdefghij"
    fault = Fault(f"/{key}", f"{key} is not known")
    text = problem_from_reject(None, Reject(404, f"no booking {key}", errors=[fault])).body.decode()
    assert "0123456789" not in text
    assert text.count("nrv_live_…") == 3


def test_text_that_utf_8_cannot_encode_is_escaped() -> None:
    bad = "a file \udce9"
    body = json.loads(
        problem_from_reject(None, Reject(404, bad, title=bad, errors=[Fault(bad, bad)])).body
    )
    assert body["detail"] == body["title"] == body["errors"][0]["message"] == "a file \\udce9"
