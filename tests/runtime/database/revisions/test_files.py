"""Reading the revisions of a migrations folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurova.database.revisions.files import Revisions
from neurova.errors import StateError


def write(folder: Path, name: str, down: object, file: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (file or f"{name}.py")
    path.write_text(f"revision = {name!r}\ndown_revision = {down!r}\n")
    return path


def test_pending_revisions_are_listed_oldest_first(tmp_path: Path) -> None:
    write(tmp_path, "c", "b")
    write(tmp_path, "a", None)
    write(tmp_path / "versions", "b", "a")
    revisions = Revisions(tmp_path)
    assert revisions.head() == "c"
    assert revisions.after(None) == ("a", "b", "c")
    assert revisions.after("b") == ("c",)
    assert revisions.after("c") == ()


def test_merge_runs_after_its_parents(tmp_path: Path) -> None:
    write(tmp_path, "a", None)
    write(tmp_path, "b", "a")
    write(tmp_path, "c", "a")
    write(tmp_path, "d", ("b", "c"))
    order = Revisions(tmp_path).after(None)
    assert (order[0], order[3], sorted(order[1:3])) == ("a", "d", ["b", "c"])


@pytest.mark.parametrize(
    "source",
    [
        'import sqlalchemy\nrevision: str = "a"\ndown_revision: str | None = None\n'
        "def upgrade():\n    revision = 1\n",
        'revision, x = "no", 1\nrevision = "a"\nraise SystemExit\n',
    ],
    ids=["annotated", "raises"],
)
def test_assignments_are_read_without_running_the_file(tmp_path: Path, source: str) -> None:
    (tmp_path / "a.py").write_text(source)
    assert Revisions(tmp_path).head() == "a"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            [("a", None), ("b", "a", "left.py"), ("c", "a", "right.py")],
            r"left.py, right.py.*down_revision of one",
        ),
        ([("a", None, "left.py"), ("a", None, "right.py")], r"right.py is revision 'a' too"),
        ([("b", "a")], "has its down_revision 'a'"),
        ([("a", "b"), ("b", "a")], "cycle"),
    ],
    ids=["two heads", "duplicate name", "missing parent", "cycle"],
)
def test_inconsistent_revisions_are_refused(tmp_path: Path, files: Any, message: str) -> None:
    for file in files:
        write(tmp_path, *file)
    with pytest.raises(StateError, match=message):
        Revisions(tmp_path).head()


@pytest.mark.parametrize(
    "source", ["x = 1\n", "revision = 1\n", "revision = (", "revision = name()\n", "\xff\x00"]
)
def test_other_file_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "odd.py").write_text(source, "latin-1")
    with pytest.raises(StateError, match=r"odd\.py"):
        Revisions(tmp_path)
