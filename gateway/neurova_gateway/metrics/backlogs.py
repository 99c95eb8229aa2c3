"""The numbers of messages that wait in the queues of the bus and in the outboxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # SQLAlchemy is slow to import
    from neurova.bus.base import Depth
    from neurova.outbox.backlog import Backlog


@dataclass
class Backlogs:
    """The depth of each queue, the backlog of each outbox, and whether each part responded."""

    queues: dict[str, Depth] = field(default_factory=dict)
    outboxes: dict[str, Backlog] = field(default_factory=dict)
    up: dict[str, bool] = field(default_factory=dict)
