"""The state of the running plugin phase: its call, and what the plugins have set."""

from __future__ import annotations

from _thread import get_ident
from typing import Any, NoReturn

from neurova.http.call import Call
from neurova.http.reply import Reply


class PdkError(Exception):
    """A PDK call with a bad argument, or a PDK call that is not allowed in this phase."""


class PhaseOver(PdkError):
    """A PDK call after its phase ended, or from another thread."""


class Exit(BaseException):
    """Raised by `kong.response.exit` to end the phase; `except Exception` does not catch it."""


class Phase:
    """Hold the state that the PDK's namespaces read.

    `thread`: the id of the thread that runs the phase; 0 between phases and after an exit. The PDK
    compares it with the current thread to reject calls from other threads and late calls. `shared`:
    the values of `kong.ctx.shared`. `authenticated`: the consumer and the credential. `reply`: the
    reply of the first `kong.response.exit`; in the log phase, the reply that was sent.
    """

    __slots__ = ("authenticated", "call", "logging", "reply", "shared", "thread")

    def __init__(self) -> None:
        self.call: Call = _NO_CALL
        self.authenticated: tuple[Any, Any] = ANONYMOUS
        self.logging = False
        self.reply: Reply | None = None
        self.shared: dict[str, Any] = {}
        self.thread = 0

    def begin(self, call: Call, shared: dict[str, Any]) -> None:
        """Begin a phase of a call."""
        self.call, self.shared = call, shared
        self.authenticated = ANONYMOUS
        self.reply = None

    def refuse(self) -> NoReturn:
        """Raise PhaseOver for a PDK call that is late or from another thread."""
        raise PhaseOver("PDK call outside its phase: use `kong` only while the phase runs")

    def refuse_change(self) -> NoReturn:
        """Raise for a PDK call that must not change the reply: PhaseOver if late, else PdkError."""
        if self.thread != get_ident():
            self.refuse()
        raise PdkError("the reply was sent: the log phase can only read it")


ANONYMOUS = (None, None)
_NO_CALL = Call("", b"", b"", [], "")
