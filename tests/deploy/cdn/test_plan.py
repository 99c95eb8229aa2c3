"""The URL patterns of an API, and the plan of a release."""

from __future__ import annotations

import re

import pytest

from neurova.errors import ConfigError
from neurova_deploy.cdn.base import Entry, Front, Present, Release, plan_release
from neurova_deploy.cdn.routes import api_routes, to_expression


@pytest.mark.parametrize(
    ("functions", "patterns"),
    [
        ([("/rooms", False)], ["/rooms"]),
        ([("/rooms/{id}", False), ("/rooms/{id}/beds", False)], ["/rooms/*"]),
        ([("/rooms", False), ("/rooms/{id}", False), ("/a", False)], ["/a", "/rooms", "/rooms/*"]),
        ([("/app/{*}", False)], ["/app", "/app/*"]),
        # An uncached pattern precedes a cached pattern that also matches its path.
        (
            [("/rooms/{id}", True), ("/rooms/free", False), ("/rooms/{id}/beds", False)],
            ["/rooms/*/beds", "/rooms/free", "/rooms/* cached"],
        ),
        ([("/rooms/{id}", True), ("/rooms/{name}", False)], ["/rooms/* cached"]),
        # A mounted app may send anything, so paths that it also serves are not cached.
        ([("/rooms/{id}", True), ("/rooms/{*}", False)], ["/rooms", "/rooms/*"]),
    ],
)
def test_patterns_keep_uncached_functions_apart(
    functions: list[tuple[str, bool]], patterns: list[str]
) -> None:
    found = [f"{each.pattern}{' cached' * each.is_cached}" for each in api_routes(functions)]
    assert found == patterns


@pytest.mark.parametrize("path", ["/{name}", "/{*}", "/"])
def test_function_in_place_of_the_page_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="which matches files of the page"):
        api_routes([(path, False)])


def test_expression_matches_like_the_pattern() -> None:
    matched = re.compile(to_expression("/a.b/*/c"))
    assert matched.search("/a.b/x/y/c")
    assert not matched.search("/a.b/c")
    assert not matched.search("/aXb/x/c")
    assert not matched.search("/z/a.b/x/c")


def test_lost_file_of_a_release_is_refused() -> None:
    release = Release({"a.1.js": Entry("1" * 32, 1)}, (), {}, number=4)
    with pytest.raises(ConfigError, match=r"release 4: a\.1\.js is no longer stored: deploy its"):
        plan_release(release, (), Front(), Present({"a.1.js": "", "b.js": "2"}))
    plan = plan_release(release, (), Front(), Present({"a.1.js": "1" * 32, "b.js": "2"}))
    assert (plan.uploads, plan.deletes, plan.is_new) == ((), ("b.js",), True)
