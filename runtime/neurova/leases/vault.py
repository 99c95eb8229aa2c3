"""Credentials from the database engine of Vault, for a dynamic or a static role."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import random
from time import monotonic

from hvac.exceptions import InvalidPath, InvalidRequest

from ..database.postgres.credentials import Credential
from ..errors import StateError
from ..secrets.base import SecretsRefused, register_secret
from ..secrets.vault_client import VaultClient
from ..settings.secrets import Secrets
from .keeper import LeasedCredentials, LeaseLost
from .timing import Action, Lease, next_step

SHORTEST = 1  # seconds; minimum time until a static password is read again


class VaultSession:
    """A separate login to Vault, and the credential at `path`, like "database/creds/booking".

    Each credential has its own login, because Vault revokes a credential together with the token
    that requested it. Raises NeurovaError.
    """

    def __init__(
        self, settings: Secrets, path: str, clock: Callable[[], float] = monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._client = VaultClient(settings)
        self._is_own_token = settings.auth != "token"
        now = clock()
        token = self._client.call(
            "read auth/token/lookup-self", lambda api: api.auth.token.lookup_self()
        )
        self._token = _lease(now, token["data"]["ttl"], token["data"]["renewable"])
        self._lease_id = ""
        self.credential, self._lease = self._read()

    @property
    def leases(self) -> tuple[Lease, ...]:
        """Return the leases of the token and of the credential."""
        return (self._token, self._lease)

    @property
    def ends(self) -> float:
        """Return when Vault revokes the credential; never (infinity) if it is static."""
        return min(self._token.ends, self._lease.ends) if self._lease_id else math.inf

    def renew(self) -> None:
        """Renew the leases that are due, or check whether a static password has changed."""
        now, call = self._clock(), self._client.call
        try:
            if next_step([self._token], now).action is Action.RENEW:
                answer = call("renew its token", lambda api: api.auth.token.renew_self())
                seconds = answer["auth"]["lease_duration"]
                self._token = self._token.renewed(now, seconds, _jitter())
            if self._lease_id and next_step([self._lease], now).action is Action.RENEW:
                answer = call("renew leases", lambda api: api.sys.renew_lease(self._lease_id))
                self._lease = self._lease.renewed(now, answer["lease_duration"], _jitter())
        except (InvalidRequest, SecretsRefused) as error:
            raise LeaseLost(str(error)) from error
        if not self._lease_id and next_step([self._lease], now).action is not Action.WAIT:
            found, self._lease = self._read()
            if (found.user, found.password) != (self.credential.user, self.credential.password):
                self.credential = found

    def revoke(self) -> None:
        """Revoke the token of this login, and thereby the credential.

        A token from the settings is kept: revoke only the credential.
        """
        if self._is_own_token:
            self._client.call("revoke its token", lambda api: api.auth.token.revoke_self())
        elif self._lease_id:
            self._client.call("revoke leases", lambda api: api.sys.revoke_lease(self._lease_id))
        self._client.close()

    def _read(self) -> tuple[Credential, Lease]:
        now = self._clock()
        try:
            answer = self._client.call(f"read {self._path}", lambda api: api.read(self._path))
        except (InvalidPath, InvalidRequest) as error:
            raise self._no_role(", ".join(error.errors or ())) from None
        if answer is None:
            raise self._no_role("nothing is there")
        data = answer["data"]
        register_secret(data["password"])
        self._lease_id = answer["lease_id"]
        seconds = answer["lease_duration"] if self._lease_id else max(data["ttl"], SHORTEST)
        is_renewable = answer["renewable"] or not self._lease_id
        return Credential(data["username"], data["password"]), _lease(now, seconds, is_renewable)

    def _no_role(self, reason: str) -> StateError:
        return StateError(
            f"the database engine of Vault has no such role: {reason}",
            where=self._path,
            fix="create it with infra/vault/bootstrap.sh, or correct the service's `credentials`",
        )


def open_credentials(settings: Secrets, service: str, path: str) -> LeasedCredentials:
    """Return the credentials of a service's database; the first use logs in."""
    return LeasedCredentials(service, lambda: VaultSession(settings, path))


def _lease(now: float, seconds: float, is_renewable: bool) -> Lease:
    seconds = seconds or math.inf  # Vault returns 0 for a token that never expires
    return Lease(now, seconds, seconds, is_renewable, _jitter())


def _jitter() -> float:
    return random()  # noqa: S311 - not a secret
