"""Log in to Vault or OpenBao, send requests, and translate errors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import hvac
import requests
from hvac.exceptions import (
    BadGateway,
    Forbidden,
    InternalServerError,
    InvalidPath,
    InvalidRequest,
    PreconditionFailed,
    RateLimitExceeded,
    VaultDown,
    VaultError,
    VaultNotInitialized,
)

from ..errors import NeurovaError, Unavailable
from ..settings.secrets import Secrets
from .base import SecretsRefused, register_secret

TIMEOUT = 5.0  # seconds to connect, and between two parts of a response
T = TypeVar("T")

_UNAVAILABLE = (BadGateway, InternalServerError, PreconditionFailed, RateLimitExceeded)


class VaultClient:
    """Send requests to Vault, with the token of the settings or with one from a login.

    It logs in before the first request, and again when the token has expired. Threads may share it.
    """

    def __init__(self, settings: Secrets) -> None:
        self.settings = settings
        self._host = urlsplit(settings.url).netloc
        self._logging_in = threading.Lock()
        self._client: hvac.Client | None = None
        for value in (settings.token, settings.secret_id):
            register_secret(value)

    def call(self, action: str, request: Callable[[hvac.Client], T]) -> T:
        """Return the result of a request. Raises Unavailable or SecretsRefused.

        `action` completes "no policy of its token allows it to …". InvalidPath and InvalidRequest
        of hvac are not translated, because only the caller knows what they mean.
        """
        try:
            client = self._logged_in()
            token = client.token
            try:
                return request(client)
            except Forbidden:
                if self._is_valid(client):
                    raise self._not_allowed(action, client) from None
                return request(self._logged_in(expired=token))
        except Forbidden:
            raise self._not_allowed(action, self._logged_in()) from None
        except (InvalidPath, InvalidRequest):
            raise
        except (VaultError, requests.RequestException, OSError) as error:
            raise self._translate(error) from None

    def describe_token(self) -> str:
        """Return one line about the token: its policies and its remaining time."""

        def look_up(client: hvac.Client) -> Any:
            return client.auth.token.lookup_self()["data"]

        data = self.call("read auth/token/lookup-self", look_up)
        ends = f"expires in {data['ttl']} s" if data["ttl"] else "does not expire"
        return f"{self._host}: token with {', '.join(data['policies'])}, {ends}"

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.adapter.close()

    def _logged_in(self, expired: str | None = None) -> hvac.Client:
        """Return the client with a token other than the `expired` one."""
        with self._logging_in:
            if self._client is None:
                self._client = hvac.Client(
                    self.settings.url,
                    token="",  # otherwise hvac takes one from the environment or a file
                    verify=self.settings.ca or True,
                    timeout=TIMEOUT,
                    namespace=self.settings.namespace or None,
                )
            if not self._client.token or self._client.token == expired:
                self._client.token = ""
                self._log_in(self._client, bool(expired))
            return self._client

    def _log_in(self, client: hvac.Client, has_expired: bool) -> None:
        settings = self.settings
        if settings.auth == "token":
            if has_expired:
                raise self._refused(
                    "its token has expired, was revoked, or is wrong",
                    "set secrets.token to a valid one, or let processes log in with AppRole or "
                    "Kubernetes (secrets.auth)",
                )
            client.token = settings.token
            return
        mount = settings.auth_mount or settings.auth
        try:
            if settings.auth == "approle":
                client.auth.approle.login(settings.role, settings.secret_id, mount_point=mount)
            else:
                jwt = self._read_jwt()
                client.auth.kubernetes.login(settings.role, jwt, mount_point=mount)
        except (InvalidPath, InvalidRequest, Forbidden) as error:
            reason = ", ".join(error.errors or ()) or "no reason is given"
            keys = "secret_id" if settings.auth == "approle" else "jwt_file"
            raise self._refused(
                f"the login by auth/{mount} is refused: {reason}",
                f"correct secrets.role, secrets.{keys} or secrets.auth_mount",
            ) from None
        register_secret(client.token)

    def _read_jwt(self) -> str:
        try:
            jwt = Path(self.settings.jwt_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsRefused(
                f"the service account token cannot be read: {error}",
                where="secrets.jwt_file",
                fix="mount it, or set the file",
            ) from None
        register_secret(jwt)
        return jwt

    def _is_valid(self, client: hvac.Client) -> bool:
        """Return whether Vault knows the token."""
        try:
            client.auth.token.lookup_self()
        except Forbidden:
            return False
        return True

    def _not_allowed(self, action: str, client: hvac.Client) -> SecretsRefused:
        return self._refused(
            f"no policy of its token allows it to {action}",
            f"add a policy that allows it to the token or to role {self.settings.role!r}"
            if self.settings.role
            else "add a policy that allows it to the token",
        )

    def _refused(self, what: str, fix: str) -> SecretsRefused:
        return SecretsRefused(f"Vault refuses this process: {what}", where=self._host, fix=fix)

    def _translate(self, error: Exception) -> NeurovaError:
        """Translate an error of hvac or requests."""
        if isinstance(error, requests.exceptions.SSLError):
            return SecretsRefused(
                f"the TLS certificate of Vault is not accepted: {_reason(error)}",
                where=self._host,
                fix="set secrets.ca to its CA certificates, secrets.url to a name in "
                "its certificate, or to http:// if it has none",
            )
        if isinstance(error, (VaultDown, VaultNotInitialized)):
            return Unavailable(
                "Vault is sealed, not initialised or a standby",
                where=self._host,
                fix="run `vault status`, and `vault operator unseal` if it is sealed",
            )
        if isinstance(error, requests.RequestException | OSError):
            return Unavailable(
                f"Vault does not respond: {_reason(error)}",
                where=self._host,
                fix="start it, or correct secrets.url",
            )
        if isinstance(error, _UNAVAILABLE):
            reason = f"Vault failed: {error.args[0] if error.args else type(error).__name__}"
            return Unavailable(reason, where=self._host, fix="see the log of Vault")
        return SecretsRefused(
            f"Vault does not understand the request: {error.args[0] if error.args else error}",
            where=self._host,
            fix="correct secrets.url: it must be Vault's API",
        )


def _reason(error: BaseException) -> str:
    """Return the text of the innermost cause of an error of `requests`."""
    while True:
        inner = [getattr(error, "reason", None), *error.args, error.__cause__]
        found = next((each for each in inner if isinstance(each, BaseException)), None)
        if found is None:
            return (getattr(error, "strerror", None) or str(error)).strip()
        error = found
