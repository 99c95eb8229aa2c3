"""The revisions in a service's migrations folder, read without running them."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec

from ...errors import StateError


class Revision(msgspec.Struct, frozen=True):
    """Name one migration, its file and the revisions it builds on (more than one: a merge)."""

    name: str
    parents: tuple[str, ...]
    file: Path


class Revisions:
    """Know all revisions of `folder` (its .py files, or those of `folder`/versions) by name.

    An absent folder has none. Raises StateError, with the fix, for a file that is no revision, a
    name used twice, and a parent that is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, Revision] = {}
        for file in sorted([*folder.glob("*.py"), *folder.glob("versions/*.py")]):
            if file.name != "__init__.py":
                self._add(_read(file))
        for revision in self._by_name.values():
            for parent in revision.parents:
                if parent not in self._by_name:
                    raise StateError(
                        f"{revision.file}: down_revision {parent!r} is in no file of {folder}: "
                        "restore that file or correct the name"
                    )

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    def head(self) -> str | None:
        """Return the newest revision; StateError when two lines of them have not been merged."""
        parents = {name for revision in self._by_name.values() for name in revision.parents}
        heads = [name for name in self._by_name if name not in parents]
        if len(heads) > 1:
            files = ", ".join(self._by_name[name].file.name for name in heads)
            raise StateError(
                f"{self.folder} has {len(heads)} newest revisions ({files}): set the "
                "down_revision of one to the other, in the order in which they shall run"
            )
        if self._by_name and not heads:
            raise StateError(f"{self.folder}: the revisions go round in a circle")
        return heads[0] if heads else None

    def after(self, current: str | None) -> tuple[str, ...]:
        """Return the revisions that lead from `current` to the head, oldest first."""
        done = set(self._line(current))
        return tuple(name for name in self._line(self.head()) if name not in done)

    def _line(self, name: str | None) -> list[str]:
        """Return `name` and all it builds on, oldest first."""
        line: list[str] = []
        entered: set[str] = set()
        stack = [(name, False)] if name is not None else []
        while stack:
            at, parents_done = stack.pop()
            if parents_done:
                line.append(at)
            elif at not in entered:
                entered.add(at)
                stack.append((at, True))
                stack.extend((parent, False) for parent in self._by_name[at].parents)
        return line

    def _add(self, revision: Revision) -> None:
        twin = self._by_name.setdefault(revision.name, revision)
        if twin is not revision:
            raise StateError(
                f"{twin.file} and {revision.file} are both revision {revision.name!r}: give the "
                "later one a new name, with the other as its down_revision"
            )


def _read(file: Path) -> Revision:
    """Return the revision of a file from its two assignments."""
    found: dict[str, object] = {}
    try:
        for node in ast.parse(file.read_bytes(), str(file)).body:
            if isinstance(node, ast.AnnAssign):
                targets: list[ast.expr] = [node.target]
            elif isinstance(node, ast.Assign):
                targets = node.targets
            else:
                continue
            for target in targets:
                if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
                    found[target.id] = node.value and ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise StateError(f"{file} cannot be read as a revision: {error}") from None
    name, down = found.get("revision"), found.get("down_revision")
    parents = () if down is None else (down,) if isinstance(down, str) else down
    if not isinstance(name, str) or not isinstance(parents, tuple):
        raise StateError(
            f'{file} is no revision: it needs revision = "…" and down_revision = "…" or None; '
            "move other files out of the migrations folder"
        )
    return Revision(name, parents, file)
