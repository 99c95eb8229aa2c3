"""What a child is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurova.errors import ConfigError
from neurova.settings.settings import Settings

from ..settings.loading import load


@dataclass(frozen=True)
class Order:
    """Name the project, the flags of the command and the state folder; picklable, no secrets."""

    root: Path
    state: Path
    flags: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> Settings:
        """Return the settings as they are now.

        Raises ConfigError when they cannot be, or name another state folder than the supervisor's.
        """
        settings = load(self.root, flags=self.flags)
        if settings.state != self.state:
            raise ConfigError(
                f"project.state was {self.state} and is {settings.state} now: "
                "workers on both would count twice; stop `neurova run` and start it again"
            )
        return settings
