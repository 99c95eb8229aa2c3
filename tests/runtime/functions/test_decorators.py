"""Decorators and `mount` describe a handler without changing it."""

from datetime import date, datetime
from typing import Any

import pytest

import neurova
from neurova import delete, get, mount, patch, post, put
from neurova.errors import LoadError
from neurova.functions.decorators import description_of
from neurova.functions.descriptions import MOUNT_METHODS, Http, Mount


def handler() -> None: ...


async def app(scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize("decorator", [get, post, put, patch, delete])
def test_decorator_returns_the_function_with_its_description(decorator: Any) -> None:
    def plain() -> None: ...

    method = decorator.__name__.upper()
    assert decorator("/x/{id}", scopes=["a:b"])(plain) is plain
    assert description_of(plain) == Http(method=method, path="/x/{id}", scopes=("a:b",))
    with pytest.raises(LoadError, match="has two routes"):
        get("/b")(plain)
    with pytest.raises(LoadError, match="'date' is a class: decorate a function"):
        decorator("/b")(date)


def test_mount_keeps_app_and_description() -> None:
    mounted = mount("/legacy", app, scopes=["a:b"], sunset=date(2027, 1, 1))
    assert mounted.app is app
    assert description_of(mounted) == Mount(
        path="/legacy", methods=MOUNT_METHODS, scopes=("a:b",), sunset=date(2027, 1, 1)
    )


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("legacy", {}, "start it with"),
        ("/a/{id}", {}, "a mount cannot have parameters"),
        ("/a/", {}, "remove the slash"),
        ("/a", {"methods": ["FETCH"]}, "choose from DELETE"),
        ("/a", {"methods": []}, "choose from DELETE"),
        ("/a", {"methods": "GET"}, "write a list"),
        ("/a", {"retries": 1}, "there is no option 'retries'"),
        ("/a", {"timeout": 0}, "timeout"),
    ],
)
def test_mount_refuses_invalid_options(path: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        mount(path, app, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scope": ["a"]}, "no option 'scope': did you mean 'scopes'"),
        ({"scopes": "booking:read"}, r'write a list, like \["booking:read"\]'),
        ({"scopes": None}, "scopes: expected `array`, got `null`"),
        ({"tags": [1]}, "tags: expected `str`, got `int`"),
        ({"public": "no"}, "public: expected `bool`"),
        ({"limit": 60}, "60/minute"),
        ({"timeout": "5s"}, "write seconds"),
        ({"concurrency": 1.5}, "expected `int`, got `float`"),
        ({"concurrency": True}, "expected `int`, got `bool`"),
        ({"retries": 1.5}, "expected `int`, got `float`"),
        ({"backoff": "1s"}, "write seconds"),
        ({"status": "200"}, "expected `int`, got `str`"),
        ({"cache": 60}, "60s"),
        ({"deprecated": "soon"}, r"datetime\.date"),
        ({"sunset": True}, r"datetime\.date"),
        ({"sunset": datetime(2027, 1, 1)}, r"datetime\.date"),
        ({"deprecated": date(2027, 1, 2), "sunset": date(2027, 1, 1)}, "is before deprecated"),
    ],
)
def test_decorator_refuses_invalid_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        get("/x", **options)


def test_decorator_without_a_path_and_mount_without_an_app_are_refused() -> None:
    with pytest.raises(LoadError, match=r'@get\("/rooms"\)'):
        get(handler)  # type: ignore[arg-type] - the mistake under test
    with pytest.raises(LoadError, match="str is not an ASGI app: pass the app itself"):
        mount("/a", "module:app")  # type: ignore[arg-type] - the mistake under test


def test_exported_names_exist() -> None:
    for name in neurova.__all__:
        assert getattr(neurova, name) is not None
