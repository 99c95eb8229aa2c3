"""What a file may say of a mount, and what it may not."""

from typing import Any

import pytest

from neurova import mount
from neurova.errors import LoadError
from neurova.functions.mounts import METHODS

APP = "from neurova import *\n\n\nasync def app(scope, receive, send):\n    ...\n\n\n"


async def app(scope: Any, receive: Any, send: Any) -> None: ...


def test_a_mount_takes_its_path_and_all_below_it() -> None:
    made = mount("/legacy", app, scopes=["a:b"], limit="5/minute", tags=["old"])
    assert made.description.path == "/legacy/{*}"
    assert made.description.answered == METHODS
    assert made.description.scopes == ("a:b",)
    assert mount("/", app).description.path == "/{*}"


def test_who_takes_get_takes_head() -> None:
    assert mount("/a", app, methods=["POST", "GET"]).description.answered == ("GET", "HEAD", "POST")


@pytest.mark.parametrize(
    ("path", "options", "says"),
    [
        ("legacy", {}, "start it with"),
        ("/a/{id}", {}, "a mount has no parameters"),
        ("/a/", {}, "leave out the slash"),
        ("/a//b", {}, "none empty"),
        ("/a/..", {}, "segments"),
        ("/a", {"methods": ["FETCH"]}, "give some of DELETE"),
        ("/a", {"methods": []}, "give some of DELETE"),
        ("/a", {"scopes": "a:b"}, "is one string"),
        ("/a", {"scopes": ["a"], "public": True}, "exclude each other"),
        ("/a", {"limit": "5/parsec"}, "limit"),
        ("/a", {"timeout": 0}, "timeout"),
    ],
)
def test_an_option_that_cannot_be_says_the_fix(
    path: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(LoadError, match=says):
        mount(path, app, **options)


def test_what_is_no_app_is_said() -> None:
    with pytest.raises(LoadError, match="str is no ASGI app"):
        mount("/a", "module:app")  # type: ignore[arg-type]


def test_a_file_has_one_mount_or_one_handler(house: Any) -> None:
    house.write("shop", a=APP + 'one = mount("/a", app)\ntwo = mount("/b", app)\n')
    with pytest.raises(LoadError, match=r"a\.py:9: one handler a file: give one and two"):
        house.load("shop")


def test_a_mount_is_that_of_its_file_and_named_by_its_variable(house: Any) -> None:
    house.write(
        "shop",
        a='"""What was."""\n' + APP + 'legacy = mount("/a", app)\n',
        b='from .a import legacy\nfrom neurova import get\n\n\n@get("/b")\nasync def b(): ...\n',
    )
    first, second = house.load("shop").functions
    assert (first.name, first.file, first.line) == ("shop.legacy", "functions/shop/a.py", 9)
    assert first.doc == "What was."
    assert second.name == "shop.b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('mount("/a", app)', 'mount("/a", app)'),
        ('mount("/a", app, methods=["GET"])', 'mount("/a", app, methods=["HEAD", "PUT"])'),
    ],
)
def test_two_mounts_cannot_share_a_method_of_a_path(house: Any, one: str, other: str) -> None:
    from neurova.functions.loader import check_routes

    house.write("shop", a=f"{APP}one = {one}\n", b=f"{APP}other = {other}\n")
    with pytest.raises(LoadError, match=r"and so does shop\.one .*: change the path"):
        check_routes(house.load("shop").functions)


def test_mounts_of_other_methods_or_paths_live_side_by_side(house: Any) -> None:
    from neurova.functions.loader import check_routes

    house.write(
        "shop",
        a=APP + 'a = mount("/a", app, methods=["GET"])\n',
        b=APP + 'b = mount("/a", app, methods=["POST"])\n',
        c=APP + 'c = mount("/a/c", app)\n',
        d='from neurova import get\n\n\n@get("/a/{d}")\nasync def d(d: str): ...\n',
    )
    check_routes(house.load("shop").functions)
