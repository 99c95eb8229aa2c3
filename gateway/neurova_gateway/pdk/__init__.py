"""Kong's Plugin Development Kit in this process: the same names, the same values.

A plugin that uses only what is here runs in both gateways; another name is an AttributeError.
"""

from __future__ import annotations

from typing import NamedTuple

from .client import Client
from .context import Context, Log, Nginx
from .phase import Exit, PdkError, Phase, PhaseOver
from .request import Request
from .response import Response
from .service import Service

__all__ = ["Exit", "Kong", "PdkError", "Phase", "PhaseOver"]


class Kong(NamedTuple):
    """Give a plugin its call; one object for all calls, it shows the one whose phase runs."""

    client: Client
    ctx: Context
    log: Log
    nginx: Nginx
    request: Request
    response: Response
    service: Service

    @classmethod
    def of(cls, phase: Phase) -> Kong:
        """Return the PDK that reads and changes what `phase` holds."""
        return cls(
            Client(phase),
            Context(phase),
            Log(),
            Nginx(phase),
            Request(phase),
            Response(phase),
            Service(phase),
        )
