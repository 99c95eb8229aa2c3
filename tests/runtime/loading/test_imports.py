"""A service may import neither another service nor itself by its full name."""

import pytest

from neurova.loading.imports import ForeignImport, check_imports


@pytest.mark.parametrize(
    "source",
    [
        "from functions.other.domain import X",
        "import json, functions.other",
        "import functions",
        "from functions import other",
        "from ..other import X",
        "from . . other.domain import X",
        "from ... import x",
        "from .. import other",
        "from \\\n..other import X",
        "def f():\n    from functions.other import X",
        "class A:\n    def f(self):\n        from ..other import X",
    ],
)
def test_import_of_another_service_is_refused_with_its_line(source: str) -> None:
    with pytest.raises(ForeignImport, match="services never import each other") as caught:
        check_imports(f"import os\n{source}\n".encode(), "f.py", "shop")
    expected = 2 if "\\" in source else source.count("\n") + 2
    assert caught.value.line == expected


@pytest.mark.parametrize(
    "source",
    [
        "from .domain import X",
        "from . import domain",
        "import functions_framework",
        "import os, sys\nfrom os import path as functions",
        "functions = 2\nfrom .functions import x",
        "'''Read from .. and from functions.other.'''",
    ],
)
def test_other_imports_are_allowed(source: str) -> None:
    check_imports(source.encode(), "f.py", "shop")
