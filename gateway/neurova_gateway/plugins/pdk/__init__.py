"""Kong's Plugin Development Kit in this process: the same names, the same values.

A plugin that uses only what is here runs in both gateways; another name is an AttributeError.
"""

from __future__ import annotations

from .client import Client
from .context import Context, Log, Nginx
from .phase import Exit, PdkError, Phase, PhaseOver
from .request import Request
from .response import Response
from .service import Service

__all__ = ["Exit", "Kong", "PdkError", "Phase", "PhaseOver"]


class Kong:
    """Give a plugin its call; one object for all calls, it shows the one that `phase` is about.

    Not to be changed; slots are read in a half of the time that a NamedTuple's names take.
    """

    __slots__ = ("client", "ctx", "log", "nginx", "request", "response", "service")

    client: Client
    ctx: Context
    log: Log
    nginx: Nginx
    request: Request
    response: Response
    service: Service

    def __init__(self, phase: Phase) -> None:
        for name, space in (
            ("client", Client(phase)),
            ("ctx", Context(phase)),
            ("log", Log()),
            ("nginx", Nginx(phase)),
            ("request", Request(phase)),
            ("response", Response(phase)),
            ("service", Service(phase)),
        ):
            object.__setattr__(self, name, space)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"kong.{name} is not to be changed")
