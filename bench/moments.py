"""How long until a server answers as it should: after a start, after a file was saved."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

from .answers import ask, fault
from .load import Request
from .project import Project
from .servers import PATIENCE, Server, alive


def until(server: Server, request: Callable[[], Request], since: float) -> float:
    """Return the seconds from `since` to the first right answer, asking again and again."""
    said = ""
    while time.monotonic() - since < PATIENCE:
        wanted = request()
        try:
            said = fault(wanted, ask(server.port, wanted))
        except (OSError, http.client.HTTPException) as error:
            said = repr(error)
        if not said:
            return time.monotonic() - since
        if not alive(server.pid):
            raise RuntimeError(f"the server ended; last: {said}")
        time.sleep(0.002)
    raise RuntimeError(f"no right answer in {PATIENCE:.0f} s; last: {said}")


def saved(server: Server, project: Project, file: str, text: str, request: Request) -> float:
    """Save a file; return the seconds until `request` gets the answer that only its text gives."""
    began = time.monotonic()
    project.write(file, text)
    return until(server, lambda: request, began)
