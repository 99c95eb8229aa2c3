"""A signature that cannot be bound is an error at load that says where and what to do."""

from typing import Any

import pytest

from neurova.errors import BindError, LoadError

HEAD = """from __future__ import annotations
from neurova import *
import msgspec
from typing import *
"""
AT = '@get("/x")\nasync def f(a: Annotated[str, Header('
BODY = "class New(msgspec.Struct):\n    a: int\n\n"


def refused(house: Any, source: str) -> str:
    house.write("shop", only=HEAD + BODY + source)
    with pytest.raises(BindError) as caught:
        house.load("shop")
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "parameter", "fix"),
    [
        ('@get("/x")\nasync def f(a) -> int: ...', "'a'", "like `nights: int`"),
        ('@post("/x")\nasync def f(a: New, b: New) -> int: ...', "'b'", "make one Struct"),
        ('@get("/x")\nasync def f(a: New) -> int: ...', "'a'", "answer POST, PUT, PATCH"),
        ('@get("/x/{id}")\nasync def f() -> int: ...', "'id'", "add `id: str`"),
        ('@get("/x/{id}")\nasync def f(id: str = "a") -> int: ...', "'id'", "no default"),
        ('@get("/x/{id}")\nasync def f(id: list[str]) -> int: ...', "'id'", "plain type"),
        ('@get("/x/{id}")\nasync def f(id: New) -> int: ...', "'id'", "plain type"),
        ('@get("/x/{tx}")\nasync def f(tx: Tx) -> int: ...', "'tx'", "name one of them"),
        ('@get("/x/{a}")\nasync def f(a: Annotated[str, Header("b")]) -> int: ...', "'a'", "one"),
        ('@get("/x")\ndef f(tx: Tx) -> int: ...', "'tx'", "write `async def`"),
        ('@get("/x")\nasync def f(*rest: int) -> int: ...', "signature", "name each parameter"),
        ('@get("/x")\nasync def f(**rest: int) -> int: ...', "signature", "name each parameter"),
        ('@get("/x")\nasync def f(a: object) -> int: ...', "'a'", "use a msgspec.Struct"),
        ('@get("/x")\nasync def f(a: set[int]) -> int: ...', "'a'", "use a msgspec.Struct"),
        ('@get("/x")\nasync def f(a: Nowhere) -> int: ...', "'a'", "import Nowhere at the top"),
        ('@get("/x")\nasync def f(a: list[Nowhere]) -> int: ...', "'a'", "import Nowhere"),
        ('@get("/x")\nasync def f(a: 1 / 0) -> int: ...', "'a'", "ZeroDivisionError"),
        ('@get("/x")\nasync def f(a: Caller = None) -> int: ...', "'a'", "remove its default"),
        ('@get("/x")\nasync def f(a: Tx, b: Tx) -> int: ...', "'b'", "one of them"),
        ('@post("/x")\nasync def f(a: Caller | None) -> int: ...', "'a'", "write `a: Caller`"),
        ('@post("/x")\nasync def f(a: Optional[Caller] = None) -> int: ...', "'a'", "a: Caller"),
        ('@post("/x")\nasync def f(a: Annotated[Caller, 1]) -> int: ...', "'a'", "a: Caller"),
        ('@post("/x")\nasync def f(a: list[Caller]) -> int: ...', "'a'", "a: Caller"),
        ('@post("/x")\nasync def f(a: NewType("Who", Caller)) -> int: ...', "'a'", "a: Caller"),
        ('@get("/x")\nasync def f(a: Tx | None) -> int: ...', "'a'", "write `a: Tx`"),
        (
            '@get("/x")\nasync def f(a: Annotated[list[str], Cookie("b")]) -> int: ...',
            "'a'",
            "plain",
        ),
        (
            '@get("/x")\nasync def f(a: Annotated[New, Header("b")]) -> int: ...',
            "'a'",
            "for the body",
        ),
        (f'{AT}"bad name")]) -> int: ...', "'a'", "'bad name' cannot be a header's name"),
        (f'{AT}"é")]) -> int: ...', "'a'", "'é' cannot be a header's name"),
        (f'{AT}"\u212a")]) -> int: ...', "'a'", "cannot be a header's name"),  # a k, lowered
        (f"{AT}5)]) -> int: ...", "'a'", "5 cannot be a header's name"),
        ('@get("/x")\nasync def f(é: Annotated[str, Header]) -> int: ...', "'é'", "'é' cannot be"),
        (
            '@get("/x")\nasync def f(a: Annotated[str, Cookie("a b;")]) -> int: ...',
            "'a'",
            "'a b;' cannot be a cookie's name: name it with ASCII letters, digits, - and _",
        ),
        (f'{AT}"b"), Cookie("c")]) -> int: ...', "'a'", "a header and a cookie: choose one"),
        (f'{AT}"b"), Header("c")]) -> int: ...', "'a'", "a header and a header: choose one"),
        ('@get("/x")\nasync def f(a: datetime.date | str) -> int: ...', "'a'", "import datetime"),
    ],
)
def test_the_message_names_place_parameter_and_fix(
    house: Any, source: str, parameter: str, fix: str
) -> None:
    text = refused(house, source)
    assert text.startswith("functions/shop/only.py:8: f: ")
    assert parameter in text
    assert fix in text


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_generator_cannot_have_what_ends_with_its_reply(house: Any, kind: str) -> None:
    source = f'@get("/x")\n{kind} f(tx: Tx):\n    yield 1'
    assert "'tx': a generator cannot use a Tx" in refused(house, source)
    source = f'@get("/x", retries=1)\n{kind} f():\n    yield 1'
    assert "leave retries out" in refused(house, source)


def test_a_type_that_msgspec_cannot_decode_is_a_bind_error(house: Any) -> None:
    source = 'from datetime import date\n@get("/x")\nasync def f(a: date | str) -> int: ...'
    assert "parameter 'a'" in refused(house, source)
    source = (
        "class Odd(msgspec.Struct):\n    a: type(iter([]))\n\n"
        '@post("/x")\nasync def f(new: Odd) -> int: ...'
    )
    assert "parameter 'new'" in refused(house, source)


def test_something_that_is_no_function_is_a_bind_error(house: Any) -> None:
    source = 'class Call:\n    async def __call__(self) -> int: ...\n\nf = Call()\nget("/x")(f)\n'
    assert "only a function can be an endpoint" in refused(house, source)


def test_a_plain_wrapper_around_a_coroutine_function_is_a_bind_error(house: Any) -> None:
    source = """
import functools
def wrap(f):
    @functools.wraps(f)
    def inner(*args):
        return f(*args)
    return inner

@get("/x")
@wrap
async def f(a: int) -> int:
    return a
"""
    assert "make its wrapper `async def`" in refused(house, source)


def test_every_fault_of_a_service_is_said_at_once(house: Any) -> None:
    house.write(
        "shop",
        one=HEAD + '@get("/one")\nasync def one(a) -> int: ...',
        two=HEAD + '@get("/two")\nasync def two(a) -> int: ...',
    )
    with pytest.raises(LoadError) as caught:
        house.load("shop")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "functions/shop/one.py",
        "functions/shop/two.py",
    ]
