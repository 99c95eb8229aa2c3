"""Services: the folders under functions/ and their endpoints."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from ..endpoints.endpoint import Endpoint
from ..errors import LoadError
from ..events.event import Event
from ..schedules.function import ScheduledFunction
from ..subscriptions.function import SubscriptionFunction

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Service:
    """The functions of a service folder, as of one load of its files.

    `events`: the events that its files define. `publishes`: whether the service uses an outbox, for
    events or for calls that are answered later. `domain` is the module domain.py. Call `start`
    before the endpoints serve calls, and `stop` afterwards.
    """

    __slots__ = ("domain", "events", "functions", "name", "publishes", "schedules", "subscriptions")

    def __init__(
        self,
        name: str,
        functions: tuple[Endpoint, ...],
        subscriptions: tuple[SubscriptionFunction, ...] = (),
        schedules: tuple[ScheduledFunction, ...] = (),
        *,
        domain: ModuleType | None = None,
        events: tuple[type[Event], ...] = (),
        publishes: bool = False,
    ) -> None:
        self.name = name
        self.functions = functions
        self.subscriptions = subscriptions
        self.schedules = schedules
        self.domain = domain
        self.events = events
        self.publishes = publishes or bool(events)

    async def start(self) -> None:
        """Start the mounted apps. If one fails, stop all and raise its LoadError."""
        try:
            for function in self.functions:
                await function.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop each mounted app when its calls in flight have ended."""
        for function in self.functions:
            await function.stop()

    def __repr__(self) -> str:
        return f"<Service {self.name}, {len(self.functions)} functions>"


def discover(root: Path) -> list[str]:
    """Return the names of the services under `root`, sorted.

    Raises LoadError when the folder is missing or the name of a service is invalid.
    """
    check_root(root)
    names = sorted(folder.name for folder in root.iterdir())
    return [name for name in names if is_service(root, name)]


def is_service(root: Path, name: str) -> bool:
    """Return whether the folder `name` under `root` is a service.

    Raises LoadError when `root` is missing or the name of the service is invalid.
    """
    check_root(root)
    folder = root / name
    if name.startswith(("_", ".")) or not folder.is_dir():
        return False
    if next(folder.glob("*.py"), None) is None:
        return False
    if not _NAME.fullmatch(name):
        raise LoadError(
            "the name of a service must have only lower-case letters, digits and _",
            where=display_path(root, folder),
            fix="rename the folder",
        )
    return True


def check_root(root: Path) -> None:
    """Raise LoadError when the folder of functions is missing."""
    if not root.is_dir():
        fix = "create it with `neurova new project NAME`"
        raise LoadError("no such folder", where=str(root), fix=fix)


def display_path(root: Path, path: Path) -> str:
    """Return a path for messages, relative to the parent folder of functions/."""
    try:
        return path.relative_to(root.parent).as_posix()
    except ValueError:
        return str(path)
