"""kong.service: what the function, or the runtime behind Kong, receives."""

from __future__ import annotations

from _thread import get_ident

from neurova.http.call import Field

from .phase import Phase
from .values import field_name, fields


class ServiceRequest:
    """Change the header fields that the function sees."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def set_header(self, name: str, value: object) -> None:
        """Give the function that header field, in place of the client's."""
        self.set_headers({name: value})

    def set_headers(self, headers: object) -> None:
        """Give the function these header fields, each in place of the client's."""
        added = fields(headers)
        names = {name for name, _ in added}
        self._change([field for field in self._fields() if field[0] not in names] + added)

    def add_header(self, name: str, value: object) -> None:
        """Give the function that header field beside the client's."""
        self._change(self._fields() + fields({name: value}))

    def clear_header(self, name: str) -> None:
        """Keep that header field from the function."""
        key = field_name(name)
        self._change([field for field in self._fields() if field[0] != key])

    def _fields(self) -> list[Field]:
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.closed()
        return phase.call.fields

    def _change(self, changed: list[Field]) -> None:
        # A new list: the door may still hold the one that it read.
        call = self._phase.call
        call.fields, call.headers = changed, dict(reversed(changed))


class Service:
    """Hold `kong.service.request`."""

    __slots__ = ("request",)

    def __init__(self, phase: Phase) -> None:
        self.request = ServiceRequest(phase)
