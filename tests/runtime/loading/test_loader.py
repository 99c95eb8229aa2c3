"""Files become functions; every error names file, line and fix."""

import pytest
from tests.runtime.project import Project

from neurova.errors import LoadError

ONE = "from neurova import get\n\n\n@get('/{0}')\nasync def {0}() -> int:\n    return 1\n"
APP = "from neurova import mount\n\n\nasync def app(scope, receive, send): ...\n\n\n"


def load_error(project: Project, service: str = "shop") -> str:
    with pytest.raises(LoadError) as caught:
        project.load(service)
    return str(caught.value)


def test_files_without_a_handler_are_no_functions(project: Project) -> None:
    source = ONE.format("a").replace("return 1", '"""Sell.\n\n    Now."""')
    folder = project.write("shop", a=source, domain="X = 1", _draft="1 / 0")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001.py").write_text("1 / 0")
    (function,) = project.load("shop").functions
    assert (function.name, function.file, function.line) == ("shop.a", "functions/shop/a.py", 4)
    assert function.doc == "Sell.\n\nNow."


def test_imported_handler_is_not_declared_again(project: Project) -> None:
    project.write("shop", a=ONE.format("a"), b="from .a import a\n" + ONE.format("b") + "c = b\n")
    names = [function.name for function in project.load("shop").functions]
    assert names == ["shop.a", "shop.b"]


def test_mount_has_its_variables_name(project: Project) -> None:
    project.write(
        "shop",
        a='"""The old shop."""\n' + APP + 'legacy = mount("/a", app)\n',
        b="from .a import legacy\n" + ONE.format("b"),
    )
    first, second = project.load("shop").functions
    assert (first.name, first.file, first.line) == ("shop.legacy", "functions/shop/a.py", 8)
    assert first.doc == "The old shop."
    assert second.name == "shop.b"


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("if 1:\npass\n", 2, "IndentationError"),
        ("\n\nimport nowhere_at_all.deep\n", 3, "'nowhere_at_all' is not installed"),
        ("from .missing import x\n", 1, "no module functions.shop.missing"),
        ("\nfrom .domain import Nothing\n", 2, "cannot import name 'Nothing'"),
        ("from neurova import Nothing\n", 1, "cannot import name 'Nothing'"),
        ("\n\n1 / 0\n", 3, "ZeroDivisionError"),
        ("def f():\n    raise ValueError('no')\n\nf()\n", 2, "ValueError: no"),
        ("import sys\nsys.exit(3)\n", 2, "ends the process"),
        ("raise BaseException\n", 1, "BaseException"),
        ("from neurova import get\n\n@get('x')\ndef f(): ...\n", 3, 'start it with "/"'),
        ("from neurova import get\n\n@get('/x', limit='9')\ndef f(): ...\n", 3, "not a limit"),
        ("x = 1\nfrom functions.hotel.domain import X\n", 2, "never import each other"),
        ("def f():\n    from functions.shop.domain import x\n", 2, "write `from .domain`"),
    ],
)
def test_import_failure_names_line_and_cause(
    project: Project, source: str, line: int, text: str
) -> None:
    project.write("shop", bad=source, domain="X = 1")
    message = load_error(project)
    assert message.startswith(f"functions/shop/bad.py:{line}: ")
    assert text in message
    assert "~" not in message


def test_fault_in_the_domain_is_reported_once(project: Project) -> None:
    source = "from .domain import X\n"
    project.write("shop", a=source, b=source, c=source, domain="\n\nX = 1 / 0\n")
    assert load_error(project).splitlines() == [
        "functions/shop/domain.py:3: ZeroDivisionError: division by zero: "
        "fix the file so that it can be imported"
    ]


def test_ctrl_c_during_an_import_passes_through(project: Project) -> None:
    project.write("shop", a="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        project.load("shop")


def test_two_handlers_in_a_file_are_refused(project: Project) -> None:
    project.write("shop", a=ONE.format("x") + ONE.format("y"))
    assert load_error(project) == (
        "functions/shop/a.py:10: x and y are in the same file: write each handler into its own file"
    )
    project.write("shop", a=APP + 'one = mount("/a", app)\ntwo = mount("/b", app)\n')
    assert load_error(project).startswith("functions/shop/a.py:8: one and two are in the same file")


def test_two_functions_of_one_name_are_refused(project: Project) -> None:
    project.write("shop", a=ONE.format("same"), b=ONE.format("same"))
    message = load_error(project)
    assert message.startswith("functions/shop/b.py:4: shop.same is also in functions/shop/a.py:4")


def test_invalid_file_or_folder_is_refused(project: Project) -> None:
    assert load_error(project).startswith("functions/shop: no such folder: create it")
    folder = project.write("shop")
    for content in (b"x = '\xff'\n", b"x = 1\x00\n"):
        (folder / "bad.py").write_bytes(content)
        assert load_error(project).startswith("functions/shop/bad.py:1: ")
    (folder / "bad.py").unlink()
    (folder / "my-file.py").write_text(ONE.format("x"))
    assert load_error(project).startswith("functions/shop/my-file.py: the name of a file")
