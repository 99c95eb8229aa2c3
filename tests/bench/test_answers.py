"""Wrong answers are found, so that they never count as fast ones."""

from __future__ import annotations

from bench.answers import Answer, find_fault
from bench.load import Request

REQUEST = Request("GET", "/x", answer={"n": 1})


def test_correct_answer_has_no_fault() -> None:
    assert find_fault(REQUEST, Answer(200, b'{ "n" : 1 }')) == ""


def test_other_status_is_a_fault() -> None:
    assert "GET /x: 429 instead of 200" in find_fault(REQUEST, Answer(429, b'{"n": 1}'))


def test_other_body_is_a_fault() -> None:
    assert "instead of {'n': 1}" in find_fault(REQUEST, Answer(200, b'{"n": 2}'))


def test_expected_refusal_is_no_fault() -> None:
    assert find_fault(Request("GET", "/x", status=401), Answer(401, b"")) == ""


def test_missing_header_is_a_fault() -> None:
    """An answer without RateLimit headers is not that of a full call."""
    request = Request("GET", "/x", headers=("ratelimit",))
    assert find_fault(request, Answer(200, b"", frozenset({"date"}))).endswith("lacks ratelimit")
    assert find_fault(request, Answer(200, b"", frozenset({"ratelimit"}))) == ""
