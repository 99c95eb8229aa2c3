"""Each refusal that can be known of is listed, by what the function asks for and raises."""

from __future__ import annotations

from collections.abc import Callable

import jsonschema_rs
import msgspec

from neurova.endpoints.function import Function
from neurova.http.call import Call
from neurova.http.problem import Fault, problem
from neurova_platform.openapi.problems import FAULT, SCHEMA, components, problems, statuses


def by_name(functions: list[Function]) -> dict[str, Function]:
    return {each.name.partition(".")[2]: each for each in functions}


def test_what_a_function_asks_for_decides_how_it_is_refused(every: list[Function]) -> None:
    of = by_name(every)
    assert statuses(of["add"], limited=False) == (
        400, 401, 403, 406, 408, 409, 413, 415, 422, 429, 500, 503,
    )  # fmt: skip
    assert statuses(of["name"], limited=False) == (400, 429, 500, 503)
    assert 404 in statuses(of["own"], limited=False)
    assert 504 in statuses(of["change"], limited=False)  # it runs in a thread
    assert 429 not in statuses(of["own"], limited=False)
    assert 429 in statuses(of["own"], limited=True)


def test_what_it_raises_is_added_with_its_words(every: list[Function]) -> None:
    of = by_name(every)
    added = problems(of["add"], limited=False)["409"]
    assert added["description"].endswith("is still being answered. A thing without parts is none.")
    assert "application/problem+json" in added["content"]


def test_any_other_problem_is_the_default(every: list[Function]) -> None:
    for each in every:
        assert list(problems(each, limited=False))[-1] == "default"


def test_a_word_of_its_own_stands_beside_the_common_ones(
    load: Callable[..., list[Function]],
) -> None:
    source = """
        from neurova import Reject, get
        @get("/x")
        async def f() -> str:
            raise Reject(403, "Not on Sundays")
        """
    (function,) = load(only=source)
    said = problems(function, limited=False)["403"]["description"]
    assert said.startswith("The key lacks a scope")
    assert said.endswith("Not on Sundays.")


def test_the_problems_that_are_sent_fit_their_schema() -> None:
    schema = {
        **SCHEMA,
        "properties": {**SCHEMA["properties"], "errors": {"type": "array", "items": FAULT}},
    }
    call = Call("GET", b"/x", b"", [], "")
    call.trace_id = 7
    for status in (400, 422, 599):
        reply = problem(call, status, "why", errors=[Fault("/a", "is wrong", "query")])
        jsonschema_rs.validate(schema, msgspec.json.decode(reply.body))


def test_every_response_says_what_it_means() -> None:
    for each in components()["responses"].values():
        assert each["description"]
        assert each["content"]["application/problem+json"]["schema"]
