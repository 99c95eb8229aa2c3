"""Rejects are found in the source code that a function reaches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neurova.endpoints.function import HttpFunction
from neurova_platform.openapi.rejects import find_rejects

DOMAIN = """
from neurova import Reject

class Room:
    @classmethod
    def of(cls, name):
        if not name:
            raise Reject(410, "Gone for good")

    def never_called(self):
        raise Reject(402, "Not found")

def owned(name):
    if name == "x":
        raise Reject(404, f"There is no {name}")
    if name == "y":
        raise Reject(422, "Invalid", errors=[])
    return again(name)

def again(name):
    raise Reject(status=423, detail="Locked") if name else owned(name)

def unrelated():
    raise Reject(451, "Not here")
"""
HANDLER = """
from neurova import Reject as No
from neurova import Reject, get
from .domain import Room, owned

STATUS = 418

@get("/x/{name}")
async def handler(name: str) -> str:
    def inner():
        raise No(409, "The room " "is sold")
    if name == "a":
        raise Reject(STATUS, "computed")
    if name == "b":
        raise Reject(409, "It is shut")
    Room.of(name)
    return owned(name)
"""


def test_reachable_problems_are_found_with_their_texts(
    load: Callable[..., list[HttpFunction]],
) -> None:
    (function,) = load(domain=DOMAIN, only=HANDLER)
    assert find_rejects(function.handler) == {
        404: (),  # no text: it is computed
        409: ("The room is sold", "It is shut"),
        410: ("Gone for good",),
        422: (),  # no text: its listed errors are more specific
        423: ("Locked",),
    }


def test_wrapped_handler_is_searched(load: Callable[..., list[HttpFunction]]) -> None:
    source = """
        from functools import wraps
        from neurova import Reject, get
        def twice(f):
            @wraps(f)
            async def wrapper(*args, **kwargs):
                return await f(*args, **kwargs)
            return wrapper
        @get("/x")
        @twice
        async def handler() -> str:
            raise Reject(409, "No")
        """
    (function,) = load(only=source)
    assert find_rejects(function.handler) == {409: ("No",)}


def test_changed_source_is_ignored(load: Callable[..., list[HttpFunction]], tmp_path: Path) -> None:
    (function,) = load(domain=DOMAIN, only=HANDLER)
    (tmp_path / "functions" / "shop" / "only.py").write_text("def broken(:\n" * 30)
    assert find_rejects(function.handler) == {}
