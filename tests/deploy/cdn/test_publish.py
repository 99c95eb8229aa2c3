"""The contract of every CDN: publish, update, roll back, interrupt, destroy."""

from __future__ import annotations

import re

import msgspec
import pytest

from neurova.errors import ConfigError
from neurova_deploy.cdn.base import KEPT, Front, plan_release
from neurova_deploy.cdn.routes import ApiRoute
from neurova_deploy.targets.base import DeployError

from .conftest import ROUTES, Edge

pytestmark = [
    pytest.mark.server,
    # moto does not close replaced objects, so the garbage collector warns.
    pytest.mark.filterwarnings(
        "ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"
    ),
]


def scripts_of(served: dict[str, bytes], page: str = "/") -> set[str]:
    """Return the URL paths of the files that a page loads."""
    return {f"/{each.decode()}" for each in re.findall(rb'(?:src|href)="([^"]+)"', served[page])}


def test_second_plan_is_empty(edge: Edge) -> None:
    plan = edge.publish()
    assert [each.path for each in plan.uploads][-3:] == [
        "robots.txt",
        "about/index.html",
        "index.html",
    ]
    served = edge.served()
    assert {"/", "/about/", "/robots.txt"} | scripts_of(served) == set(served)
    assert edge.invalidated() == []
    before = len(edge.api.changes)
    assert not edge.plan()
    assert len(edge.api.changes) == before


def test_one_changed_file_is_one_upload_and_one_path(edge: Edge) -> None:
    edge.publish()
    edge.write("robots.txt", "User-agent: other")
    plan = edge.publish()
    assert [each.path for each in plan.uploads] == ["robots.txt"]
    assert edge.invalidated() == ["/robots.txt"]
    assert edge.served()["/robots.txt"] == b"User-agent: other"
    assert not edge.plan()


def test_old_pages_find_their_files_for_some_releases(edge: Edge) -> None:
    edge.publish()
    loaded = [scripts_of(edge.served())]
    for version in range(2, KEPT + 2):
        edge.write("js/app.js", f"let version = {version}")
        edge.publish()
        loaded.append(scripts_of(edge.served()))
    served = set(edge.served())
    assert all(each <= served for each in loaded[1:])
    assert not loaded[0] <= served


def test_removed_page_is_deleted_and_invalidated(edge: Edge) -> None:
    edge.publish()
    (edge.folder / "about" / "index.html").unlink()
    plan = edge.publish()
    assert plan.deletes == ("about/index.html",)
    assert "/about/" not in edge.served()
    assert edge.invalidated() == ["/about/"]


def test_rollback_brings_the_page_before_back(edge: Edge) -> None:
    edge.publish()
    before = edge.served()
    edge.write("js/app.js", "let version = 2")
    edge.publish()
    assert edge.served()["/"] != before["/"]
    first = edge.cdn.read(Front(ROUTES, {})).releases[1]
    front = Front(ROUTES, first.headers)
    release = msgspec.structs.replace(first, number=3)
    plan = plan_release(release, first.pages, front, edge.cdn.read(front))
    assert {each.path for each in plan.uploads} == {"index.html", "about/index.html"}
    edge.cdn.apply(plan, lambda line: None)
    served = edge.served()
    assert {path: served[path] for path in before} == before
    assert edge.plan().uploads


def has_published(edge: Edge, allowed: int) -> bool:
    """Publish with a limited number of changes; return whether they sufficed."""
    edge.api.allowed = allowed
    try:
        edge.publish()
    except DeployError:
        return False
    finally:
        edge.api.allowed = None
    return True


def test_interrupted_at_each_step_the_next_one_completes(edge: Edge) -> None:
    """At every step, each served page can load its files."""
    for version in (1, 2):
        edge.write("js/app.js", f"let version = {version}")
        refused = 0
        while not has_published(edge, refused):
            refused += 1
            served = edge.served() if edge.api.changes else {}
            assert "/" not in served or scripts_of(served) <= set(served)
        assert refused >= 3
        assert f"version = {version}".encode() in b"".join(edge.served().values())
        assert not edge.plan()
    # Cloudflare needs no invalidation: a release replaces all files at once.
    assert "/" in edge.invalidated() or edge.deploy.cdn == "cloudflare"


def test_destroy_leaves_nothing(edge: Edge) -> None:
    edge.cdn.destroy(lambda line: None)
    edge.publish()
    assert not edge.is_empty()
    assert edge.cdn.check()
    edge.cdn.destroy(lambda line: None)
    assert edge.is_empty()


def test_file_where_a_function_answers_is_refused(edge: Edge) -> None:
    with pytest.raises(ConfigError, match=r"/about/ is a file of the page and matches /about/\*"):
        edge.plan((ApiRoute("/about/*"),))
