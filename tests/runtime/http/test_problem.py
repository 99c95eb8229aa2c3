"""Problems are RFC 9457's, and say where the trace is."""

import json
from typing import Any

import pytest

from neurova.http.call import Call
from neurova.http.problem import Fault, Reject, problem, problem_from_reject, reason_phrase


def call() -> Call:
    made = Call("GET", b"/rooms/%C3%A9" + b"x" * 900, b"secret=1", [], "")
    made.trace_id = 1
    return made


def test_a_problem_has_all_its_members() -> None:
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


def test_what_is_not_known_is_left_out_and_the_path_is_cut() -> None:
    assert set(json.loads(problem(None, 404).body)) == {"type", "title", "status"}
    body = json.loads(problem(call(), 404).body)
    assert len(body["instance"]) == 256
    assert "secret" not in str(body)


def test_a_reject_becomes_its_problem() -> None:
    reject = Reject(
        409, "sold", errors=[Fault("/room", "is sold")], title="Sold", type="https://x.example/sold"
    )
    body = json.loads(problem_from_reject(None, reject).body)
    assert (body["title"], body["type"]) == ("Sold", "https://x.example/sold")
    assert body["errors"][0]["pointer"] == "/room"


@pytest.mark.parametrize("status", [200, 302, 399, 600, 409.5, "409"])
def test_a_reject_that_is_no_refusal_is_an_error(status: Any) -> None:
    with pytest.raises(ValueError, match="use 400 to 599"):
        Reject(status)


@pytest.mark.parametrize(
    "said", [{"detail": {"a": 1}}, {"title": 1}, {"type": None}, {"errors": [{"pointer": "/a"}]}]
)
def test_a_reject_that_cannot_be_told_is_an_error_where_it_is_raised(said: Any) -> None:
    with pytest.raises(TypeError, match="Reject's"):
        Reject(409, **said)


def test_every_status_has_a_phrase() -> None:
    assert reason_phrase(404) == "Not Found"
    assert reason_phrase(599) == "Error"


def test_a_key_that_a_function_says_back_is_masked() -> None:
    key = "nrv_live_0123456789abcdefghij"
    fault = Fault(f"/{key}", f"{key} is not known")
    text = problem_from_reject(None, Reject(404, f"no booking {key}", errors=[fault])).body.decode()
    assert "0123456789" not in text
    assert text.count("nrv_live_…") == 3


def test_text_that_utf_8_cannot_hold_is_escaped() -> None:
    bad = "a file \udce9"
    body = json.loads(
        problem_from_reject(None, Reject(404, bad, title=bad, errors=[Fault(bad, bad)])).body
    )
    assert body["detail"] == body["title"] == body["errors"][0]["message"] == "a file \\udce9"
