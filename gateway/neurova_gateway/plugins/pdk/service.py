"""kong.service: the request that the function receives."""

from __future__ import annotations

from _thread import get_ident

from neurova.http.call import Field

from .phase import Phase
from .values import encode_fields, field_name


class ServiceRequest:
    """Change the header fields that the function receives."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def set_header(self, name: str, value: object) -> None:
        """Set a header field; it replaces all fields of the same name."""
        self.set_headers({name: value})

    def set_headers(self, headers: object) -> None:
        """Set header fields; each one replaces all fields of the same name."""
        added = encode_fields(headers)
        names = {name for name, _ in added}
        self._replace([field for field in self._fields() if field[0] not in names] + added)

    def add_header(self, name: str, value: object) -> None:
        """Add a header field; fields of the same name are kept."""
        self._replace(self._fields() + encode_fields({name: value}))

    def clear_header(self, name: str) -> None:
        """Remove all header fields named `name`."""
        key = field_name(name)
        self._replace([field for field in self._fields() if field[0] != key])

    def _fields(self) -> list[Field]:
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.refuse_change()
        return phase.call.fields

    def _replace(self, changed: list[Field]) -> None:
        # Replace the list: the server may still use the old one.
        call = self._phase.call
        call.fields, call.headers = changed, dict(reversed(changed))


class Service:
    """Hold `kong.service.request`."""

    __slots__ = ("request",)

    def __init__(self, phase: Phase) -> None:
        self.request = ServiceRequest(phase)
