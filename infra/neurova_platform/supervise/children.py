"""What runs beside the workers, each in a process and on a socket that the supervisor holds."""

from __future__ import annotations

from neurova.settings.settings import Settings

from ..admin.access import listen
from .slot import Slot

ADMIN = "neurova_platform.supervise.admin:serve"


def beside(settings: Settings) -> list[Slot]:
    """Return a slot for each: its name, its target and its socket. Raises ConfigError.

    A target is "module:function"; it is called in the child with the order, the socket and the
    leash, says `leash.ready()` once it answers, and leads its server by `leash.hold`. A child that
    ends or hangs is replaced as a worker is, and SIGHUP replaces it too.
    """
    if not settings.admin.enabled:
        return []
    return [Slot("admin", ADMIN, listen(settings))]
