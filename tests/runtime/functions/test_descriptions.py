"""Descriptions validate themselves on construction."""

from typing import Any

import pytest

from neurova import mount
from neurova.errors import LoadError
from neurova.functions.descriptions import Http, Mount


@pytest.mark.parametrize("path", ["/", "/a", "/a/{b}/c-d", "/{a}/{b}", "/a.b_c~d"])
def test_valid_paths_are_taken(path: str) -> None:
    assert Http(method="GET", path=path).template == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "/a/", "//a", "/a//b", "/./a", "/../a", "/{a}/{a}", "/{A}", "/{}", "/a{b}"),
        *("/a b", "/.well-known/neurova/health", "/" + "a" * 512),
    ],
)
def test_invalid_paths_are_refused(path: str) -> None:
    with pytest.raises(LoadError, match="path"):
        Http(method="GET", path=path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": "many"}, "is not a limit"),
        ({"limit": "10/second, 60/minute", "cost": 11}, "lower the cost"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": 3601}, "at most 3600"),
        ({"timeout": float("nan")}, "above 0"),
        ({"concurrency": -1}, "negative"),
        ({"retries": -1}, "negative"),
        ({"backoff": -1}, "negative"),
        ({"cost": 0}, "1 or more"),
        ({"status": 205}, "has no body"),
        ({"status": 199}, "200 to 299"),
        ({"status": 400}, "raise Reject"),
        ({"cache": "soon"}, "is not a duration"),
        ({"scopes": ("Booking",)}, "lower case"),
        ({"scopes": ("booking:*",)}, "lower case"),
        ({"scopes": ("a",), "public": True}, "exclude each other"),
        ({"method": "POST", "retries": 2}, "only GET can be retried"),
        ({"method": "POST", "cache": "60s"}, "only replies to GET"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        Http(**{"method": "GET", "path": "/x", **options})


def test_get_includes_head() -> None:
    assert Http(method="GET", path="/x").methods == ("GET", "HEAD")
    assert Http(method="PUT", path="/x").methods == ("PUT",)
    assert mount("/a", print, methods=["POST", "GET"]).description.methods[1] == "HEAD"


def test_mount_answers_all_paths_below_its_own() -> None:
    assert Mount(path="/legacy").template == "/legacy/{*}"
    assert Mount(path="/").template == "/{*}"
