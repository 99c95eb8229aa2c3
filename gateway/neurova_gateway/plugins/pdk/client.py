"""kong.client: the caller and its address."""

from __future__ import annotations

from _thread import get_ident
from typing import Any

from .phase import PdkError, Phase
from .values import copy_plain


class Client:
    """Read the address of the caller; set its consumer."""

    __slots__ = ("_phase",)

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    def authenticate(
        self, consumer: dict[str, Any] | None, credential: dict[str, Any] | None
    ) -> None:
        """Set the consumer and the credential of the call; at least one must be given."""
        phase = self._phase
        if phase.thread != get_ident() or phase.logging:
            phase.refuse_change()
        if not (isinstance(consumer, dict) or isinstance(credential, dict)):
            raise PdkError("authenticate: give a consumer or a credential")
        phase.authenticated = consumer, credential

    def get_consumer(self) -> Any:
        """Return the consumer that a plugin has set, or None."""
        self._check_phase()
        return copy_plain(self._phase.authenticated[0])

    def get_credential(self) -> Any:
        """Return the credential that a plugin has set, or None."""
        self._check_phase()
        return copy_plain(self._phase.authenticated[1])

    def load_consumer(self, consumer_id: str, search_by_username: bool = False) -> None:
        """Return None, because the embedded gateway has no Kong consumers."""
        self._check_phase()

    def get_ip(self) -> str:
        """Return the address of the caller."""
        self._check_phase()
        return self._phase.call.client

    def get_forwarded_ip(self) -> str:
        """Return the address of the caller, as forwarded by trusted proxies."""
        self._check_phase()
        return self._phase.call.client

    def get_protocol(self) -> str:
        """Return "http" or "https"."""
        self._check_phase()
        return self._phase.call.scheme

    def _check_phase(self) -> None:
        if self._phase.thread != get_ident():
            self._phase.refuse()
