"""What the pages' failure tables name is there: each row shows a test, or says that none does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TESTS = {
    file: re.findall(r"^\s*(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    for file in sorted((ROOT / "tests").rglob("test_*.py"))
}
CODE = re.compile(r"`((?:[\w/.]+/)?test_[\w.]+(?:::[\w…]+)?…?|[\w/.]*::?[\w…]+|…\w+…?)`")


def shown(page: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of each test that a table of a page names."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("|"):
            last = line.strip().strip("|").rpartition("|")[2]
            yield from ((number, name) for name in CODE.findall(last))


def exists(name: str) -> bool:
    """Tell whether a test is there: `file.py`, `test_name`, `file.py::test_name`; `…` is any."""
    place, _, test = name.rpartition("::")
    if test.endswith(".py"):
        place, test = test, ""
    pattern = re.compile(".*".join(map(re.escape, test.split("…"))))
    return any(
        f"/{file.relative_to(ROOT)}".endswith(f"/{place}" if place else "")
        and (not test or any(pattern.fullmatch(each) for each in names))
        for file, names in TESTS.items()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    missing = [f"{page.name}:{line}: {name}" for line, name in shown(page) if not exists(name)]
    assert missing == []


def test_pages_name_many_tests() -> None:
    """The table's form has not slipped away from this test."""
    assert len([name for page in PAGES for _, name in shown(page)]) > 150


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("test_tables.py", True),
        ("docs/test_tables.py::test_pages_name…", True),
        ("…name_many_tests", True),
        ("test_pages_name", False),
        ("gateway/test_tables.py", False),
        ("test_pages.py::test_pages_name_many_tests", False),
    ],
)
def test_a_name_that_nobody_has_is_found_out(name: str, there: bool) -> None:
    assert exists(name) is there


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = [f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"]
    assert [page for page in pages if f"]({page})" not in readme] == []
