"""Every gateway gives the responses in the table of cases."""

from __future__ import annotations

import json

import pytest
from tests.plugins.cases import AUTH, LIMIT
from tests.serving import neurova

from neurova_platform.http_client import Answer

from .cases import CASES, Case
from .conftest import Candidate, send

pytestmark = pytest.mark.server


def send_case(candidate: Candidate, case: Case) -> Answer:
    def named(text: str) -> str:
        return text.replace("{full}", candidate.keys["full"])

    fields = {name: named(value) for name, value in case.fields.items()}
    if case.key:
        fields["X-API-Key"] = candidate.keys[case.key]
    return send(candidate, case.method, named(case.path), fields=fields, body=case.body or None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reply_is_that_of_the_table(case: Case, candidate: Candidate) -> None:
    answer = send_case(candidate, case)
    assert answer.status in case.statuses, answer
    for name, start in case.headers.items():
        assert answer.headers.get(name, "(missing)").startswith(start), answer.headers
    assert not set(case.missing) & set(answer.headers)
    assert case.says in answer.body.decode()
    if answer.status >= 400 and case.headers.get("content-type"):
        assert json.loads(answer.body)["status"] == answer.status
    assert candidate.keys["full"] not in f"{answer.headers}{answer.body!r}"


def test_limit_admits_no_more_than_it_says(candidate: Candidate) -> None:
    """At most three of five calls pass; the headers state the remaining calls and when to retry."""
    fields = {"X-API-Key": candidate.keys["full"]}
    answers = [send(candidate, "GET", "/limited", fields=fields) for _ in range(5)]
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) <= 3
    assert statuses[-2:] == [429, 429]
    last = answers[-1]
    assert 1 <= int(last.headers["retry-after"]) <= 60
    assert "ratelimit" in last.headers
    assert "ratelimit-policy" in last.headers
    assert last.decoded()["status"] == 429


def test_sync_changes_what_the_gateway_does(doubles: Candidate) -> None:
    """Before a sync nothing changes; after it, a deleted function has no route."""
    assert doubles.kong is not None
    project = doubles.kong.project
    neurova(project, "gateway", "diff")  # exits with 0: no difference
    (project / "functions" / "conform" / "read_lines.py").unlink()
    fields = {"X-API-Key": doubles.keys["full"]}
    assert send(doubles, "GET", "/lines", fields=fields).status == 200
    neurova(project, "gateway", "sync", "--yes")
    assert send(doubles, "GET", "/lines", fields=fields).status == 404
    assert send(doubles, "GET", "/open").status == 200


@pytest.mark.parametrize(("name", "says"), [(AUTH, "Authentication"), (LIMIT, "Rate limiting")])
def test_dead_plugin_servers_close_the_gateway(name: str, says: str, doubles: Candidate) -> None:
    """Kong lets a call pass if its plugin server is down; then the guard refuses it."""
    assert doubles.kong is not None
    fields = {"X-API-Key": doubles.keys["full"]}
    server = doubles.kong.servers[name]
    server.kill()
    for path in ("/items/1", "/open"):
        answer = send(doubles, "GET", path, fields=fields)
        assert (answer.status, answer.decoded()["status"]) == (503, 503)
        assert answer.decoded()["detail"].startswith(says)
        assert answer.headers["retry-after"] == "1"
    server.start()
    assert send(doubles, "GET", "/items/1", fields=fields).status == 200
