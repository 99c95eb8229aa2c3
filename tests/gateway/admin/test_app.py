"""What is answered, and by which methods; the rest is a problem that says so."""

from __future__ import annotations

import pytest

from neurova_gateway.admin.app import resources
from neurova_platform.admin.server import of_platform
from neurova_platform.testing.platform import TestPlatform


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v1/keys/", "/v1/nothing", "/v1/keys/a/b", "/v1/keys/../../etc/passwd"],
)
def test_an_unknown_path_is_404(running: TestPlatform, path: str) -> None:
    answer = running.admin("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/keys/x", "GET, HEAD"),
        ("PUT", "/v1/functions", "GET, HEAD"),
        ("GET", "/v1/keys/x/revoke", "POST"),
        ("OPTIONS", "/v1/platform", "GET, HEAD"),
    ],
)
def test_another_method_is_405_with_those_that_are(
    running: TestPlatform, method: str, path: str, allowed: str
) -> None:
    answer = running.admin(method, path)
    assert answer.status == 405
    assert sorted(answer.headers["allow"].split(", ")) == sorted(allowed.split(", "))


def test_head_is_answered_as_get(running: TestPlatform) -> None:
    assert running.admin("HEAD", "/v1/platform").status == 200


def test_no_answer_lets_pages_of_other_origins_read_it(running: TestPlatform) -> None:
    for method in ("GET", "OPTIONS"):
        answer = running.admin(method, "/v1/keys", headers={"origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers


def test_every_resource_that_reads_answers(running: TestPlatform) -> None:
    running.key("acme")
    sources = of_platform(running.platform, running.reloads)
    paths = [route.path for route in resources(sources) if route.methods and "GET" in route.methods]
    whole = [path for path in paths if "{" not in path and path != "/v1/limits"]
    assert len(whole) >= 10
    for path in whole:
        assert running.admin("GET", path).status == 200, path
