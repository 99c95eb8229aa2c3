"""Kong's Plugin Development Kit (PDK) in this process, with the same names and values.

A plugin that uses only these names runs in both gateways; any other name raises AttributeError.
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
    """The `kong` object of plugins: one object for all calls, which reads the call of `phase`.

    It has slots, because reading a slot takes half as long as reading a NamedTuple field.
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
        for name, namespace in (
            ("client", Client(phase)),
            ("ctx", Context(phase)),
            ("log", Log()),
            ("nginx", Nginx(phase)),
            ("request", Request(phase)),
            ("response", Response(phase)),
            ("service", Service(phase)),
        ):
            object.__setattr__(self, name, namespace)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"kong.{name} is read-only")
