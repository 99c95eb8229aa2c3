"""Error responses follow from the needs and Rejects of a function."""

from __future__ import annotations

import jsonschema_rs
import msgspec

from neurova.endpoints.function import HttpFunction
from neurova.http.call import Call
from neurova.http.problem import Fault, problem
from neurova_platform.openapi.problems import FAULT, SCHEMA, describe_problems, list_statuses


def test_statuses_follow_from_what_a_function_needs(by_name: dict[str, HttpFunction]) -> None:
    assert list_statuses(by_name["add"], limited=False) == (
        400, 401, 403, 406, 408, 409, 413, 415, 422, 429, 500, 503,
    )  # fmt: skip
    assert list_statuses(by_name["name"], limited=False) == (400, 429, 500, 503)
    assert 404 in list_statuses(by_name["own"], limited=False)
    assert 504 in list_statuses(by_name["change"], limited=False)  # runs on a thread
    assert 429 not in list_statuses(by_name["own"], limited=False)
    assert 429 in list_statuses(by_name["own"], limited=True)
    for each in by_name.values():
        assert list(describe_problems(each, limited=False))[-1] == "default"


def test_raised_problem_has_its_text(by_name: dict[str, HttpFunction]) -> None:
    added = describe_problems(by_name["add"], limited=False)["409"]
    assert added["description"].endswith("is still in progress. A thing needs parts.")
    assert "application/problem+json" in added["content"]


def test_sent_problems_match_the_schema() -> None:
    schema = {
        **SCHEMA,
        "properties": {**SCHEMA["properties"], "errors": {"type": "array", "items": FAULT}},
    }
    call = Call("GET", b"/x", b"", [], "")
    call.trace_id = 7
    for status in (400, 422, 599):
        reply = problem(call, status, "why", errors=[Fault("/a", "is wrong", "query")])
        jsonschema_rs.validate(schema, msgspec.json.decode(reply.body))
