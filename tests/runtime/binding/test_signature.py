"""Loading refuses a signature that cannot be bound, and names file, parameter and fix."""

import pytest
from tests.runtime.project import Project

from neurova.errors import BindError, LoadError

HEAD = """from __future__ import annotations
from neurova import *; import msgspec
from starlette import background
from typing import *
from starlette.responses import FileResponse, StreamingResponse
class New(msgspec.Struct):
    a: int

"""
WRAPPED = """
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
UNDECODABLE = """
class Odd(msgspec.Struct):
    a: type(iter([]))

@post("/x")
async def f(new: Odd) -> int: ...
"""


def bind_error(project: Project, source: str) -> str:
    project.write("shop", only=HEAD + source)
    with pytest.raises(BindError) as caught:
        project.load("shop")
    return str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "subject", "fix"),
    [
        ("a", "'a'", "like `nights: int`"),
        ("a: New", "'a'", "answer POST, PUT, PATCH"),
        ("*rest: int", "signature", "name each parameter"),
        ("**rest: int", "signature", "name each parameter"),
        ("a: object", "'a'", "use a msgspec.Struct"),
        ("a: set[int]", "'a'", "use a msgspec.Struct"),
        ("a: Nowhere", "'a'", "import Nowhere at the top"),
        ("a: list[Nowhere]", "'a'", "import Nowhere"),
        ("a: datetime.date | str", "'a'", "import datetime"),
        ("a: 1 / 0", "'a'", "ZeroDivisionError"),
        ("a: Caller = None", "'a'", "remove its default"),
        ("a: Tx, b: Tx", "'b'", "keep one of them"),
        ("a: Tx, b: Snapshot", "'b'", "keep one of them"),
        ("a: Tx, b: background.BackgroundTasks", "'b'", "call `tx.after_commit(...)`"),
        ("a: Tx | None", "'a'", "write `a: Tx`"),
        ('a: Annotated[list[str], Cookie("b")]', "'a'", "plain type"),
        ('a: Annotated[New, Header("b")]', "'a'", "for the body"),
        ('a: Annotated[str, Header("bad name")]', "'a'", "'bad name' is not a valid header name"),
        ('a: Annotated[str, Header("\u212a")]', "'a'", "valid header name"),  # lower() returns k
        ("a: Annotated[str, Header(5)]", "'a'", "5 is not a valid header name"),
        ("é: Annotated[str, Header]", "'é'", "'é' is not a valid header name"),
        ('a: Annotated[str, Cookie("a b;")]', "'a'", "name it with ASCII letters"),
        ('a: Annotated[str, Header("b"), Cookie("c")]', "'a'", "a header and a cookie: choose"),
        ('a: Annotated[str, Header("b"), Header("c")]', "'a'", "a header and a header: choose"),
    ],
)
def test_unbindable_parameter_is_named_with_the_fix(
    project: Project, parameters: str, subject: str, fix: str
) -> None:
    text = bind_error(project, f'@get("/x")\nasync def f({parameters}) -> int: ...')
    assert text.startswith("functions/shop/only.py:9: f: ")
    assert subject in text
    assert fix in text


@pytest.mark.parametrize(
    ("route", "parameters", "subject", "fix"),
    [
        ('get("/x/{id}")', "", "'id'", "add `id: str`"),
        ('get("/x/{id}")', 'id: str = "a"', "'id'", "without a default"),
        ('get("/x/{id}")', "id: list[str]", "'id'", "plain type"),
        ('get("/x/{id}")', "id: New", "'id'", "plain type"),
        ('get("/x/{tx}")', "tx: Tx", "'tx'", "rename one of them"),
        ('get("/x/{a}")', 'a: Annotated[str, Header("b")]', "'a'", "choose one"),
        ('post("/x")', "b: New, a: New", "'a'", "write one Struct"),
        ('post("/x")', "a: Caller | None", "'a'", "write `a: Caller`"),
        ('post("/x")', "a: Optional[Caller] = None", "'a'", "write `a: Caller`"),
        ('post("/x")', "a: Annotated[Caller, 1]", "'a'", "write `a: Caller`"),
        ('post("/x")', "a: list[Caller]", "'a'", "write `a: Caller`"),
        ('post("/x")', 'a: NewType("Who", Caller)', "'a'", "write `a: Caller`"),
    ],
)
def test_parameter_that_does_not_fit_path_or_body_is_named(
    project: Project, route: str, parameters: str, subject: str, fix: str
) -> None:
    text = bind_error(project, f"@{route}\nasync def f({parameters}) -> int: ...")
    assert f"parameter {subject}" in text
    assert fix in text


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('@get("/x")\ndef f(tx: Tx) -> int: ...', "'tx'"),
        ('@get("/x")\ndef f(tx: Tx):\n    yield 1', "'tx'"),
        ('@get("/x")\nasync def f(tx: Tx):\n    yield 1', "read with `tx: Snapshot`"),
        ('@get("/x")\ndef f(tx: Snapshot):\n    yield 1', "plain `def` cannot use a Snapshot"),
        *(
            (f'@get("/x")\nasync def f(tx: Tx) -> {returns}: ...', "read with `tx: Snapshot`")
            for returns in (
                *("Stream", "StreamingResponse", "FileResponse", "AsyncIterator[int]"),
                *("Iterator", "None | Stream", "Union[StreamingResponse, str]"),
                "Annotated[Stream, 1]",
            )
        ),
        ('@get("/x", retries=1)\nasync def f():\n    yield 1', "retries"),
        (UNDECODABLE, "parameter 'new'"),
        ('@post("/x")\nasync def f(a: dict[int, str]) -> int: ...', "write `dict[str, …]`"),
        ('from datetime import *\n@get("/x")\nasync def f(a: date | str) -> int: ...', "'a'"),
        ('class Call:\n    def __call__(self): ...\n\nf = Call()\nget("/x")(f)', "only a function"),
        (WRAPPED, "write the wrapper of the decorator as `async def`"),
    ],
)
def test_handler_that_cannot_run_is_refused(project: Project, source: str, message: str) -> None:
    assert message in bind_error(project, source)


def test_all_faults_of_a_service_are_reported_at_once(project: Project) -> None:
    project.write(
        "shop",
        one=HEAD + '@get("/one")\nasync def one(a) -> int: ...',
        two=HEAD + '@get("/two")\nasync def two(a) -> int: ...',
    )
    with pytest.raises(LoadError) as caught:
        project.load("shop")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "functions/shop/one.py",
        "functions/shop/two.py",
    ]
