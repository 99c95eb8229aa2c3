"""Hold a leased credential: renew it in a thread, replace it before it expires."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from random import random
from time import monotonic
from typing import Protocol

from ..database.postgres.credentials import Credential
from ..errors import NeurovaError, Unavailable
from ..execution.repeated import log_repeated
from ..telemetry.readings import Reading
from .timing import Action, Lease, next_step, pause_after_failure

LOGGER = logging.getLogger("neurova.secrets")
RETRY_SECONDS = 1.0  # between attempts of the thread after the credential has expired
FETCH_TIMEOUT = 3.0  # seconds that `fetch` waits for Vault after a credential has expired
FETCH_PAUSE = 0.1  # seconds between the attempts of `fetch`


class LeaseLost(Exception):
    """Vault does not know the lease or its token any more."""


class Session(Protocol):
    """A credential and the leases that it depends on; used by one thread at a time."""

    @property
    def credential(self) -> Credential:
        """Return the credential; a renewal may change it."""
        ...

    @property
    def leases(self) -> tuple[Lease, ...]:
        """Return the leases to renew."""
        ...

    @property
    def ends(self) -> float:
        """Return when the credential expires, infinity if it never does."""
        ...

    def renew(self) -> None:
        """Renew the leases that are due. Raises LeaseLost, or NeurovaError if Vault is down."""
        ...

    def revoke(self) -> None:
        """Revoke the credential now, unless it never expires. Raises NeurovaError."""
        ...


class LeasedCredentials:
    """Provide the leased credential of one database (a `CredentialSource`).

    `open_session` requests a new credential from Vault; `name` appears in messages. The first
    `fetch` starts the renewal thread, `close` stops it. While Vault is down, the current
    credential is used until it expires.
    """

    def __init__(
        self,
        name: str,
        open_session: Callable[[], Session],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.name = name
        self._open_session = open_session
        self._clock = clock
        self._session: Session | None = None
        self._ended = -math.inf
        self.failures = 0
        """The number of failed attempts to renew."""
        self._replaced: list[Session] = []
        self._subscribers: list[Callable[[], None]] = []
        self._opening = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ends(self) -> float:
        """Return when the credential expires unless it is renewed; 0 without a credential."""
        session = self._session
        return 0.0 if session is None else session.ends

    def readings(self) -> Iterator[Reading]:
        """Yield the readings for /metrics."""
        left = self.ends - self._clock()
        if left < math.inf:  # a static password never expires
            yield Reading("lease_remaining_seconds", self.name, max(0.0, left))
        yield Reading("lease_failures", self.name, self.failures)

    def valid(self) -> Credential | None:
        """Return the current credential, None if it has expired or there is none."""
        session = self._session
        if session is None or self._clock() >= session.ends:
            return None
        return session.credential

    def fetch(self, refused: Credential | None = None) -> Credential:
        """Return a valid credential other than `refused`; request a new one if needed.

        During a short outage of Vault this waits, so that calls are slow but do not fail.
        """
        with self._opening:
            while True:
                current = self.valid()
                if current is not None and current is not refused:
                    return current
                ended = self._ended if self._session is None else self._session.ends
                try:
                    return self._replace()
                except Unavailable:
                    is_late = not ended <= self._clock() < ended + FETCH_TIMEOUT
                    if is_late or self._stopping.wait(FETCH_PAUSE):
                        raise

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call `changed`, from any thread, after the result of `valid` has changed."""
        self._subscribers.append(changed)

    def close(self) -> None:
        """Stop the thread and revoke all credentials; log each failure to revoke one."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._opening:
            sessions = [*self._replaced, *([self._session] if self._session else [])]
            self._session, self._replaced = None, []
        for session in sessions:
            try:
                session.revoke()
            except NeurovaError as error:
                LOGGER.warning(
                    "Credentials of %s were not revoked, they will expire: %s",
                    self.name,
                    error,
                )

    def _replace(self) -> Credential:
        """Request a new credential; transactions in flight may use the old one until it expires."""
        session = self._open_session()
        now = self._clock()
        self._replaced = [each for each in self._replaced if now < each.ends < math.inf]
        if self._session is not None:
            self._replaced.append(self._session)
        self._session = session
        self._report_change()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
        return session.credential

    def _run(self) -> None:
        failures, pause = 0, 0.0
        while not self._stopping.wait(pause):
            try:
                pause = self._advance()
            except NeurovaError as error:
                failures += 1
                self.failures += 1
                left = max(0.0, self.ends - self._clock())
                text = "Credentials of %s cannot be renewed, they expire in %s s"
                log_repeated(LOGGER, failures, error, text, self.name, f"{left:.0f}")
                pause = pause_after_failure(left, random()) if left else RETRY_SECONDS  # noqa: S311 - jitter
            else:
                if failures:
                    LOGGER.warning("Credentials of %s are renewed again", self.name)
                failures = 0

    def _advance(self) -> float:
        """Renew or replace leases that are due; return the seconds until the next step."""
        session = self._session
        if session is None:
            self.fetch()
            return 0.0
        step = next_step(session.leases, self._clock())
        if step.action is Action.WAIT:
            return min(step.at - self._clock(), threading.TIMEOUT_MAX)
        try:
            if step.action is Action.RENEW and self._renew(session):
                return 0.0
            with self._opening:
                if self._session is session:
                    self._replace()
        except NeurovaError:
            self._drop_ended(session)
            raise
        return 0.0

    def _renew(self, session: Session) -> bool:
        """Renew a session; return False if it is lost."""
        before = session.credential
        try:
            session.renew()
        except LeaseLost:
            return False
        if session.credential is not before:
            self._report_change()
        return True

    def _drop_ended(self, session: Session) -> None:
        if self._clock() >= session.ends and self._session is session:
            self._ended, self._session = session.ends, None
            self._report_change()

    def _report_change(self) -> None:
        for changed in self._subscribers:
            changed()
