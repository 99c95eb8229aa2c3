"""A wrong answer never counts as a fast one."""

from __future__ import annotations

from bench.answers import Answer, fault
from bench.load import Request

REQUEST = Request("GET", "/x", answer={"n": 1})


def test_the_right_answer_has_no_fault_however_it_is_spaced() -> None:
    assert fault(REQUEST, Answer(200, b'{ "n" : 1 }')) == ""


def test_another_status_is_a_fault() -> None:
    assert "GET /x: 429 instead of 200" in fault(REQUEST, Answer(429, b'{"n": 1}'))


def test_another_body_is_a_fault() -> None:
    assert "instead of {'n': 1}" in fault(REQUEST, Answer(200, b'{"n": 2}'))


def test_an_expected_refusal_is_no_fault() -> None:
    assert fault(Request("GET", "/x", status=401), Answer(401, b"")) == ""


def test_a_field_that_is_left_off_is_a_fault() -> None:
    """An answer without RateLimit fields is not that of a full call."""
    wanted = Request("GET", "/x", gives=("ratelimit",))
    assert fault(wanted, Answer(200, b"", frozenset({"date"}))).endswith("lacks ratelimit")
    assert fault(wanted, Answer(200, b"", frozenset({"ratelimit"}))) == ""
