"""Reading the revisions of a migrations folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurova.database.revisions.files import Revisions
from neurova.errors import StateError


def write(folder: Path, name: str, down: object, file: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / (file or f"{name}.py")
    path.write_text(f"revision = {name!r}\ndown_revision = {down!r}\n")
    return path


def test_missing_folder_has_no_revisions(tmp_path: Path) -> None:
    revisions = Revisions(tmp_path / "none")
    assert (len(revisions), revisions.head(), revisions.after(None)) == (0, None, ())


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


def test_annotated_assignments_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        '"""Doc."""\nimport sqlalchemy as sa\n\nrevision: str = "a"\n'
        "down_revision: str | None = None\n"
        "other = sa.Column\n\n\ndef upgrade():\n    revision = 1\n"
    )
    assert Revisions(tmp_path).head() == "a"


def test_files_are_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text('revision, x = "no", 1\nrevision = "a"\nraise SystemExit\n')
    assert Revisions(tmp_path).head() == "a"


def test_two_heads_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", None)
    write(tmp_path, "b", "a", "0002_left.py")
    write(tmp_path, "c", "a", "0002_right.py")
    with pytest.raises(StateError, match=r"0002_left.py, 0002_right.py.*down_revision of one"):
        Revisions(tmp_path).head()


def test_duplicate_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "0002", None, "left.py")
    write(tmp_path, "0002", None, "right.py")
    with pytest.raises(StateError, match=r"right.py is revision '0002' too"):
        Revisions(tmp_path)


def test_missing_parent_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "b", "a")
    with pytest.raises(StateError, match="has its down_revision 'a'"):
        Revisions(tmp_path)


def test_circle_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    write(tmp_path, "b", "a")
    with pytest.raises(StateError, match="circle"):
        Revisions(tmp_path).head()
    write(tmp_path, "c", None)
    assert Revisions(tmp_path).after("a") == ("c",)


@pytest.mark.parametrize(
    "source", ["x = 1\n", "revision = 1\n", "revision = (", "revision = name()\n", "\xff\x00"]
)
def test_other_file_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "odd.py").write_text(source, "latin-1")
    with pytest.raises(StateError, match=r"odd\.py"):
        Revisions(tmp_path)
