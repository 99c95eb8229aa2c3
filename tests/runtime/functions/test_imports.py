"""A service imports neither another service nor itself by its full name."""

import pytest

from neurova.functions.imports import foreign


@pytest.mark.parametrize(
    "source",
    [
        "from functions.other.domain import X",
        "import functions.other",
        "import functions",
        "from functions import other",
        "from ..other import X",
        "from ..other.domain import X",
        "from ... import x",
        "from .. import other",
        "def f():\n    from functions.other import X",
        "class A:\n    def f(self):\n        from ..other import X",
    ],
)
def test_another_service_is_found_with_its_line(source: str) -> None:
    found = foreign(compile(f"import os\n{source}\n", "f.py", "exec"), "shop")
    assert found is not None
    assert found[0] == source.count("\n") + 2
    assert "services never import each other" in found[2]


def test_the_service_itself_by_full_name_is_found_with_the_fix() -> None:
    code = compile("from functions.shop.domain import X", "f.py", "exec")
    found = foreign(code, "shop")
    assert found is not None
    assert "`from .domain`" in found[2]


@pytest.mark.parametrize(
    "source",
    [
        "from .domain import X",
        "from . import domain",
        "import functions_framework",
        "import os, sys\nfrom os import path as functions",
        "functions = 2\nfrom .functions import x",
        "x = [2, 3, 4]\nimport json",
        "x = 'functions.other'",
        "def f(n=2):\n    from .domain import functions\n    return functions",
    ],
)
def test_all_other_imports_are_free(source: str) -> None:
    assert foreign(compile(source, "f.py", "exec"), "shop") is None


def test_a_file_with_many_names_is_read_right() -> None:
    source = "\n".join(f"import m{n}" for n in range(300)) + "\nfrom ..other import X\n"
    found = foreign(compile(source, "f.py", "exec"), "shop")
    assert found is not None
    assert found[0] == 301
