"""The secrets that a process has read, refreshed by a thread."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable

from ..errors import NeurovaError, Unavailable
from ..execution.repeated import log_repeated
from .base import Reference, SecretStore, UnknownSecret, find_value, parse_reference
from .secret import Secret

LOGGER = logging.getLogger("neurova.secrets")
REFRESH_SECONDS = 2.5  # between two reads, so that a change is seen within 5 seconds
NEVER = float("-inf")


class SecretExpired(Unavailable):
    """A secret was removed, or the store has not confirmed it for longer than `secrets.expiry`."""


class _Entry:
    """A secret, the names of the functions that use it, and the clock time when it expires."""

    __slots__ = ("reference", "secret", "until", "users")

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self.secret = Secret(str(reference), "")
        self.until = NEVER
        self.users: set[str] = set()


class SecretCache:
    """Give functions their secrets from memory; a thread refreshes them from the store.

    `open_store` is called before the first read. While the store does not respond, values
    are used for `expiry` seconds; `clock` returns seconds.
    """

    def __init__(
        self,
        open_store: Callable[[], SecretStore],
        expiry: float,
        clock: Callable[[], float] = time.monotonic,
        interval: float = REFRESH_SECONDS,
    ) -> None:
        self._open_store = open_store
        self._expiry = expiry
        self._clock = clock
        self._interval = interval
        self._entries: dict[Reference, _Entry] = {}
        self._store: SecretStore | None = None
        self._reading = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0

    def source(self, name: str, user: str) -> Callable[[], Secret]:
        """Return a function that returns the current secret, for the function `user`.

        It raises SecretExpired before `load`, and after the secret has expired or was removed.
        """
        reference = parse_reference(name)
        entry = self._entries.setdefault(reference, _Entry(reference))
        entry.users.add(user)
        clock = self._clock

        def find() -> Secret:
            if clock() > entry.until:
                raise self._expired(entry)
            return entry.secret

        return find

    def load(self, names: Iterable[str]) -> None:
        """Read the secrets that were not read yet, and start the thread that refreshes all.

        Raises UnknownSecret with every missing secret and the functions that use it; Unavailable or
        StateError if the store cannot be used.
        """
        entries = [self._entries[parse_reference(name)] for name in dict.fromkeys(names)]
        faults = self._read([entry for entry in entries if entry.until == NEVER])
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise UnknownSecret("\n".join(map(str, faults)))
        if entries and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="secrets", daemon=True)
            self._thread.start()

    def refresh(self) -> None:
        """Read all secrets again; log removed ones. Raises NeurovaError if reading fails."""
        entries = list(self._entries.values())
        was_set = {entry.reference for entry in entries if entry.until != NEVER}
        self._read(entries)
        for entry in entries:
            if entry.until == NEVER and entry.reference in was_set:
                LOGGER.error("%s", self._expired(entry))

    def close(self) -> None:
        """Stop reading, and close the store."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1.0)  # the daemon thread may be blocked by the store
        if self._store is not None:
            self._store.close()

    def _run(self) -> None:
        # The jitter spreads the reads of many processes.
        while not self._stopped.wait(self._interval * random.uniform(0.7, 1)):  # noqa: S311 - jitter
            try:
                self.refresh()
                self._failures = 0
            except Exception as error:
                self._failures += 1
                text = "Secrets cannot be refreshed, the last values are used for %s s at most"
                log_repeated(LOGGER, self._failures, error, text, f"{self._expiry:g}")

    def _read(self, entries: list[_Entry]) -> list[UnknownSecret]:
        """Read secrets, each name once; return the errors of those that are missing."""
        faults: list[UnknownSecret] = []
        with self._reading:
            if entries and self._store is None:
                self._store = self._open_store()
            for name in sorted({each.reference.name for each in entries}):
                assert self._store is not None
                until = self._clock() + self._expiry
                version = self._store.read(name)
                for entry in entries:
                    if entry.reference.name != name:
                        continue
                    try:
                        value = find_value(version, entry.reference)
                    except UnknownSecret as error:
                        error.where = ", ".join(sorted(entry.users))
                        faults.append(error)
                        entry.until = NEVER  # removed, so it must not be used any more
                        continue
                    if value != entry.secret.value:
                        entry.secret = Secret(str(entry.reference), value)
                    entry.until = until
        return faults

    def _expired(self, entry: _Entry) -> NeurovaError:
        if entry.until == NEVER:
            what, fix = "is not set", f"run `neurova secrets set {entry.reference}`"
        else:
            what = f"was not confirmed by the store for {self._expiry:g} s"
            fix = "run `neurova doctor`, and see secrets.expiry"
        return SecretExpired(f"secret {entry.reference} {what}", fix=fix)
