"""Wrong responses are detected, so that they never count as fast ones."""

from __future__ import annotations

import pytest
from bench.answers import Answer, find_fault
from bench.load import Request

REQUEST = Request("GET", "/x", answer={"n": 1})
LIMITED = Request("GET", "/x", headers=("ratelimit",))


@pytest.mark.parametrize(
    ("request_", "answer", "fault"),
    [
        (REQUEST, Answer(200, b'{ "n" : 1 }'), ""),
        (REQUEST, Answer(429, b'{"n": 1}'), "GET /x: 429 instead of 200"),
        (REQUEST, Answer(200, b'{"n": 2}'), "instead of {'n': 1}"),
        (Request("GET", "/x", status=401), Answer(401, b""), ""),
        (LIMITED, Answer(200, b"", frozenset({"date"})), "lacks ratelimit"),
        (LIMITED, Answer(200, b"", frozenset({"ratelimit"})), ""),
    ],
)
def test_wrong_answer_is_a_fault(request_: Request, answer: Answer, fault: str) -> None:
    found = find_fault(request_, answer)
    assert fault in found
    assert bool(found) is bool(fault)
