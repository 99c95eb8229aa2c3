"""The phase that runs now: which call it is about, and what the plugins made of it."""

from __future__ import annotations

from _thread import get_ident
from typing import Any, NoReturn

from neurova.http.call import Call
from neurova.http.reply import Reply


class PdkError(Exception):
    """A PDK call that cannot be: a bad argument, or out of place in this phase."""


class PhaseOver(PdkError):
    """A PDK call after its phase ended, or from another thread."""


class Exit(BaseException):
    """Leave the plugin that called `kong.response.exit`; `except Exception` lets it through."""


class Phase:
    """Hold the state that the PDK's namespaces read.

    `thread` is the identity of the thread whose phase runs, 0 between phases and after an exit:
    one comparison keeps a plugin's stray thread, and what it does too late, away from other calls.
    `shared` is `kong.ctx.shared`; `authenticated` consumer and credential; `reply` the first
    `kong.response.exit`, in the log phase what was sent.
    """

    __slots__ = ("authenticated", "call", "logging", "reply", "shared", "thread")

    def __init__(self) -> None:
        self.call: Call = _NOBODY
        self.authenticated: tuple[Any, Any] = BY_NOBODY
        self.logging = False
        self.reply: Reply | None = None
        self.shared: dict[str, Any] = {}
        self.thread = 0

    def begin(self, call: Call, shared: dict[str, Any]) -> None:
        """Turn to a call."""
        self.call, self.shared = call, shared
        self.authenticated = BY_NOBODY
        self.reply = None

    def over(self) -> NoReturn:
        """Refuse a PDK call that comes too late or from elsewhere."""
        raise PhaseOver("this PDK call is not made within its phase: use `kong` there only")

    def closed(self) -> NoReturn:
        """Refuse a PDK call that would change the answer: too late, from elsewhere, or in log."""
        if self.thread != get_ident():
            self.over()
        raise PdkError("the reply has been sent: the log phase can only read it")


BY_NOBODY = (None, None)
_NOBODY = Call("", b"", b"", [], "")
