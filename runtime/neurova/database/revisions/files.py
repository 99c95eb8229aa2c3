"""Read the revisions of a migrations folder without running them."""

from __future__ import annotations

import ast
from pathlib import Path

import msgspec

from ...errors import StateError


class Revision(msgspec.Struct, frozen=True):
    """A migration: its name, its parent revisions (a merge has several) and its file."""

    name: str
    parents: tuple[str, ...]
    file: Path


class Revisions:
    """All revisions in `folder` and `folder`/versions; `folder` may be missing.

    Raises StateError for a file that is not a revision, a duplicate name, or a missing parent.
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
                        f"no file of {folder} has its down_revision {parent!r}",
                        where=str(revision.file),
                        fix="restore that file or correct the name",
                    )

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    def head(self) -> str | None:
        """Return the newest revision, None if there are no revisions.

        Raises StateError if several revisions have no successor, or if they form a cycle.
        """
        parents = {name for revision in self._by_name.values() for name in revision.parents}
        heads = [name for name in self._by_name if name not in parents]
        if len(heads) > 1:
            files = ", ".join(self._by_name[name].file.name for name in heads)
            raise StateError(
                f"there are {len(heads)} newest revisions ({files})",
                where=str(self.folder),
                fix="set the down_revision of one to the other, in the order in which to run them",
            )
        if self._by_name and not heads:
            raise StateError(
                "the revisions form a cycle", where=str(self.folder), fix="correct a down_revision"
            )
        return heads[0] if heads else None

    def after(self, current: str | None) -> tuple[str, ...]:
        """Return the revisions after `current`, oldest first."""
        done = set(self._with_ancestors(current))
        return tuple(name for name in self._with_ancestors(self.head()) if name not in done)

    def _with_ancestors(self, name: str | None) -> list[str]:
        """Return a revision and all its ancestors, oldest first."""
        ordered: list[str] = []
        visited: set[str] = set()
        stack = [(name, False)] if name is not None else []
        while stack:
            top, are_parents_done = stack.pop()
            if are_parents_done:
                ordered.append(top)
            elif top not in visited:
                visited.add(top)
                stack.append((top, True))
                stack.extend((parent, False) for parent in self._by_name[top].parents)
        return ordered

    def _add(self, revision: Revision) -> None:
        twin = self._by_name.setdefault(revision.name, revision)
        if twin is not revision:
            raise StateError(
                f"{revision.file} is revision {revision.name!r} too",
                where=str(twin.file),
                fix="rename the later one, and set its down_revision to the other",
            )


def _read(file: Path) -> Revision:
    """Read `revision` and `down_revision` from a file."""
    values: dict[str, object] = {}
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
                    values[target.id] = node.value and ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise StateError(
            f"cannot be read as a revision: {error}", where=str(file), fix="correct the file"
        ) from None
    name, down = values.get("revision"), values.get("down_revision")
    parents = () if down is None else (down,) if isinstance(down, str) else down
    if not isinstance(name, str) or not isinstance(parents, tuple):
        raise StateError(
            "is not a revision",
            where=str(file),
            fix='set revision = "…" and down_revision = "…" or None, or move the file elsewhere',
        )
    return Revision(name, parents, file)
