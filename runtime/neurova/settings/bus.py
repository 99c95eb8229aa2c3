"""The section `[bus]` of neurova.toml."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .section import Section
from .units import Seconds


class Bus(Section, frozen=True):
    """Configure the bus, and the processes of `neurova run` that work with it.

    `url`: an AMQP URL of RabbitMQ, or "sqs://region/prefix"; empty for a file in the state folder.
    `processes`: the processes that run subscriptions. `drain`: seconds for calls in flight to
    finish at a stop.
    """

    url: str = ""
    processes: Annotated[int, msgspec.Meta(ge=1, le=512)] = 1
    drain: Seconds = 30.0
