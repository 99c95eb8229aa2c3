"""Store the state of a deployment in a folder: the applied services, releases and the lock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from neurova.errors import ConfigError
from neurova.files.locks import process_lock
from neurova.files.private import read_private_file, write_private_file

from ...record import Content, Head
from ..base import DeployError

Services = dict[str, dict[str, Any]]


class Folder:
    """The state folder; only its owner may read its files, and each write is atomic."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "compose.json"
        self._held: ExitStack | None = None

    def applied(self) -> Services:
        """Return the last applied manifest of each service, by name."""
        text = read_private_file(self.path / "applied.json")
        return msgspec.json.decode(text, type=Services) if text else {}

    def write_applied(self, services: Services) -> None:
        """Store the applied manifests."""
        text = msgspec.json.encode(services).decode()
        write_private_file(self.path / "applied.json", text, durable=True)

    def heads(self) -> list[Head]:
        """Return the releases, oldest first."""
        files = (self.path / "releases").glob("*.head.json")
        heads = [msgspec.json.decode(file.read_bytes(), type=Head) for file in files]
        return sorted(heads, key=lambda each: each.number)

    def read_content(self, number: int) -> Content:
        """Return the resources of a release."""
        try:
            return Content.decode(self._content(number).read_bytes())
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            raise DeployError(
                f"release {number} is damaged: {error}",
                where=str(self._content(number)),
                fix="deploy again: a deployment needs no earlier release",
            ) from None

    def write_release(self, head: Head, content: Content | None = None) -> None:
        """Store a release; write its head last, so that a release with a head is complete."""
        if content is not None:
            self._content(head.number).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            making = self._content(head.number).with_suffix(".making")
            making.write_bytes(content.encode())
            making.replace(self._content(head.number))
        write_private_file(self._head(head.number), msgspec.json.encode(head).decode())

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete releases."""
        for number in numbers:
            self._head(number).unlink(missing_ok=True)
            self._content(number).unlink(missing_ok=True)

    def lock(self, _: str) -> None:
        """Take the lock, unless we hold it; the system releases it if this process is killed."""
        if self._held is not None:
            return
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = ExitStack()
        fix = "wait until it ends"
        try:
            held.enter_context(process_lock(self.path / "lock", "neurova deploy", fix))
        except ConfigError as error:
            raise DeployError(error.what, where=error.where, fix=error.fix) from None
        self._held = held

    def unlock(self) -> None:
        """Release the lock, if this process holds it."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _head(self, number: int) -> Path:
        return self.path / "releases" / f"{number}.head.json"

    def _content(self, number: int) -> Path:
        return self.path / "releases" / f"{number}.content"
