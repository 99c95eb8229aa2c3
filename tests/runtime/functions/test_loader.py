"""Files become functions; every fault says file, line and fix."""

from pathlib import Path
from typing import Any

import pytest

from neurova.errors import LoadError
from neurova.functions.loader import check_routes, discover
from neurova.http.call import Call

ONE = "from neurova import get\n\n\n@get('/{0}')\nasync def {0}() -> int:\n    return 1\n"


def refused(house: Any, service: str = "shop") -> str:
    with pytest.raises(LoadError) as caught:
        house.load(service)
    return str(caught.value)


def test_services_are_the_folders_that_have_files(house: Any) -> None:
    house.write("shop", a="")
    house.write("hotel", a="")
    house.write("_draft", a="")
    house.write(".hidden", a="")
    (house.root / "empty").mkdir()
    (house.root / "file.py").write_text("")
    assert discover(house.root) == ["hotel", "shop"]


def test_a_missing_folder_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="neurova new project"):
        discover(tmp_path / "functions")


def test_a_service_that_cannot_be_named_says_so(house: Any) -> None:
    house.write("my-shop", a="")
    with pytest.raises(LoadError, match=r"functions/my-shop: .*rename the folder"):
        discover(house.root)


def test_a_service_that_is_not_there_is_said(house: Any) -> None:
    assert "functions/shop: no such folder" in refused(house)


def test_files_without_a_handler_and_those_with_an_underscore_are_no_functions(house: Any) -> None:
    folder = house.write("shop", a=ONE.format("a"), domain="X = 1", _draft="1 / 0")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001.py").write_text("1 / 0")
    assert [function.name for function in house.load("shop").functions] == ["shop.a"]


def test_a_handler_imported_from_a_sibling_is_not_a_second_one(house: Any) -> None:
    house.write("shop", a=ONE.format("a"), b="from .a import a\n" + ONE.format("b") + "c = b\n")
    names = [function.name for function in house.load("shop").functions]
    assert names == ["shop.a", "shop.b"]


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("if 1:\npass\n", 2, "IndentationError"),
        ("\n\nimport nowhere_at_all.deep\n", 3, "'nowhere_at_all' is not installed"),
        ("from .missing import x\n", 1, "there is no module functions.shop.missing"),
        ("\nfrom .domain import Nothing\n", 2, "cannot import name 'Nothing'"),
        ("\n\n1 / 0\n", 3, "ZeroDivisionError"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", 2, "ValueError: no"),
        ("import sys\nsys.exit(3)\n", 2, "ends the process"),
        ("raise BaseException\n", 1, "BaseException"),
        ("from neurova import get\n\n@get('x')\ndef f(): ...\n", 3, 'start it with "/"'),
        ("from neurova import get\n\n@get('/x', limit='9')\ndef f(): ...\n", 3, "is no limit"),
        ("from neurova import post\n\n@post('/x', retries=1)\ndef f(): ...\n", 3, "leave them out"),
        ("from neurova import get\n\n@get('/x', status=404)\ndef f(): ...\n", 3, "200 to 299"),
        ("x = 1\nfrom functions.hotel.domain import X\n", 2, "never import each other"),
        ("from ..hotel.domain import X\n", 1, "never import each other"),
        ("from functions.shop.domain import X\n", 1, "write `from .domain`"),
        ("def f():\n    from functions.hotel import x\n", 2, "never import each other"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_where_and_why(
    house: Any, source: str, line: int, text: str
) -> None:
    house.write("shop", bad=source, domain="X = 1")
    message = refused(house)
    assert message.startswith(f"functions/shop/bad.py:{line}: ")
    assert text in message
    assert "~" not in message


def test_bytes_that_are_no_source_are_said(house: Any) -> None:
    folder = house.write("shop")
    for content in (b"x = '\xff'\n", b"x = 1\x00\n"):
        (folder / "bad.py").write_bytes(content)
        assert refused(house).startswith("functions/shop/bad.py:1: ")


def test_a_fault_in_the_domain_is_said_once_and_there(house: Any) -> None:
    source = "from .domain import X\n"
    house.write("shop", a=source, b=source, c=source, domain="\n\nX = 1 / 0\n")
    assert refused(house).splitlines() == [
        "functions/shop/domain.py:3: ZeroDivisionError: division by zero: "
        "the file fails when it is imported"
    ]


def test_ctrl_c_while_loading_is_not_swallowed(house: Any) -> None:
    house.write("shop", a="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        house.load("shop")


def test_two_handlers_in_a_file_are_refused(house: Any) -> None:
    house.write("shop", a=ONE.format("x") + ONE.format("y"))
    assert refused(house) == "functions/shop/a.py:10: one handler a file: give x and y a file each"


def test_two_functions_of_one_name_are_refused(house: Any) -> None:
    house.write("shop", a=ONE.format("same"), b=ONE.format("same"))
    message = refused(house)
    assert message.startswith("functions/shop/b.py:4: shop.same is in functions/shop/a.py:4 too")


def test_a_file_whose_name_cannot_be_imported_is_refused(house: Any) -> None:
    folder = house.write("shop")
    (folder / "my-file.py").write_text(ONE.format("x"))
    assert "functions/shop/my-file.py: a file's name" in refused(house)


def test_two_functions_on_one_route_name_both_files(house: Any) -> None:
    path = "from neurova import get, post\n\n@{0}('/rooms/{{{1}}}')\nasync def f({1}: str): ...\n"
    house.write("shop", a=path.format("get", "id"))
    house.write("hotel", b=path.format("get", "room"))
    house.write("other", c=path.format("post", "id"))
    functions = [f for s in ("shop", "hotel", "other") for f in house.load(s).functions]
    check_routes([functions[0], functions[2]])
    with pytest.raises(LoadError) as caught:
        check_routes(functions)
    message = str(caught.value)
    assert "functions/hotel/b.py:3: hotel.f answers GET /rooms/{room}" in message
    assert "shop.f (functions/shop/a.py:3): change the path" in message


def test_a_relative_root_is_fine(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write("shop", a=ONE.format("a"))
    monkeypatch.chdir(house.root.parent)
    house.root = Path("functions")
    (function,) = house.load("shop").functions
    assert function.file == "functions/shop/a.py"


def test_a_file_imported_late_is_of_the_generation_that_imports_it(house: Any) -> None:
    late = (
        "from neurova import get\n\n\n"
        "@get('/late')\n"
        "async def late() -> dict[str, object]:\n"
        "    from ._number import NUMBER\n"
        "    from .inner.word import WORD\n\n"
        "    return {WORD: NUMBER}\n"
    )
    folder = house.write("shop", late=late, _number="NUMBER = 1\n")
    (folder / "inner").mkdir()
    (folder / "inner" / "word.py").write_text("WORD = 'one'\n")
    old = house.load("shop").functions[0]
    (folder / "_number.py").write_text("NUMBER = 22\n")
    (folder / "inner" / "word.py").write_text("WORD = 'two'\n")
    new = house.load("shop").functions[0]
    answers = [each.invoke(Call("GET", b"/late", b"", [], "")).body for each in (old, new)]
    assert answers == [b'{"one":1}', b'{"two":22}']
