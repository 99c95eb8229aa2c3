"""Decorators describe a function and leave it as it is; what cannot be is said at once."""

from typing import Any

import pytest

import neurova
from neurova.errors import LoadError
from neurova.functions.decorators import delete, described, get, patch, post, put


def handler() -> None: ...


@pytest.mark.parametrize(
    ("decorator", "method"),
    [(get, "GET"), (post, "POST"), (put, "PUT"), (patch, "PATCH"), (delete, "DELETE")],
)
def test_the_function_itself_comes_back_with_its_description(decorator: Any, method: str) -> None:
    def plain() -> None: ...

    assert decorator("/x/{id}", scopes=["a:b"], tags=["t"])(plain) is plain
    description = described(plain)
    assert description is not None
    assert (description.method, description.path) == (method, "/x/{id}")
    assert (description.scopes, description.tags, description.status) == (("a:b",), ("t",), 200)
    assert decorator.__name__ == method.lower()


def test_what_was_not_decorated_has_no_description() -> None:
    assert described(handler) is None


@pytest.mark.parametrize("path", ["/", "/a", "/a/{b}/c-d", "/{a}/{b}", "/a.b_c~d"])
def test_paths_that_are_fine(path: str) -> None:
    get(path)


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "/a/", "//a", "/a//b", "/./a", "/../a", "/{a}/{a}", "/{A}", "/{}", "/a{b}"),
        *("/a b", "/.well-known/neurova/health"),
    ],
)
def test_paths_that_cannot_be_are_refused(path: str) -> None:
    with pytest.raises(LoadError, match="path"):
        get(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scopes": "booking:read"}, r"write scopes=\['booking:read'\]"),
        ({"scopes": None}, "list of texts"),
        ({"scopes": [1]}, "list of texts"),
        ({"tags": "rooms"}, r"write tags=\['rooms'\]"),
        ({"tags": [1]}, "list of texts"),
        ({"public": "no"}, "True or False"),
        ({"limit": 60}, "60/minute"),
        ({"limit": "10/second, 60/minute", "cost": 11}, "lower the cost"),
        ({"timeout": "5s"}, "seconds"),
        ({"concurrency": 1.5}, "whole number"),
        ({"concurrency": True}, "whole number"),
        ({"retries": 1.5}, "whole number"),
        ({"backoff": "1s"}, "seconds"),
        ({"cost": 1.5}, "whole number"),
        ({"status": "200"}, "whole number"),
        ({"status": 205}, "has no body"),
        ({"cache": 60}, "60s"),
        ({"scopes": ["Booking"]}, "lower case"),
        ({"scopes": ["booking:*"]}, "lower case"),
        ({"scopes": ["a"], "public": True}, "exclude each other"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": 3601}, "up to 3600"),
        ({"timeout": float("nan")}, "above 0"),
        ({"concurrency": -1}, "cannot be negative"),
        ({"retries": -1}, "cannot be negative"),
        ({"backoff": -1}, "cannot be negative"),
        ({"cost": 0}, "1 or more"),
        ({"limit": "many"}, "is no limit"),
        ({"status": 199}, "200 to 299"),
        ({"status": 400}, "200 to 299"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(LoadError, match=says):
        get("/x", **options)


def test_a_decorator_without_its_path_says_so() -> None:
    with pytest.raises(LoadError, match=r'@get\("/rooms"\)'):
        get(handler)  # type: ignore[arg-type]


def test_only_a_get_may_run_again() -> None:
    get("/x", retries=2)
    with pytest.raises(LoadError, match="only a GET may run twice"):
        post("/x", retries=2)


def test_one_function_answers_one_route() -> None:
    def twice() -> None: ...

    get("/a")(twice)
    with pytest.raises(LoadError, match="has a route already"):
        get("/b")(twice)


def test_what_is_exported_is_there_and_nothing_else_is() -> None:
    for name in neurova.__all__:
        assert getattr(neurova, name) is not None
    for name in ("on", "every", "cron", "Secret", "Model"):
        assert not hasattr(neurova, name)
