"""Secrets in Vault's key-value engine, version 2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hvac.exceptions import InvalidPath, InvalidRequest

from ..settings.secrets import Secrets
from .base import NO_SECRET, SecretChanged, SecretsRefused, SecretVersion
from .vault_client import VaultClient

WRITE_ATTEMPTS = 5


class VaultSecretStore:
    """Store each secret at the path `<prefix>/<name>` of a mount."""

    def __init__(self, settings: Secrets) -> None:
        self._client = VaultClient(settings)
        self._mount = settings.mount
        self._prefix = settings.prefix.strip("/")

    def read(self, name: str) -> SecretVersion:
        """Return the latest version of a secret."""
        path = self._path(name)

        def request(client: Any) -> Any:
            return client.secrets.kv.v2.read_secret_version(
                path, mount_point=self._mount, raise_on_deleted_version=False
            )["data"]

        try:
            data = self._client.call(f"read {self._mount}/data/{path}", request)
        except InvalidPath as error:
            if error.errors:  # Vault sends no error text for a missing secret
                raise self._no_engine() from None
            return NO_SECRET
        except InvalidRequest as error:
            raise self._wrong_request(error) from None
        fields = data["data"] or {}  # None: the version was deleted
        texts = {
            key: each if isinstance(each, str) else json.dumps(each) for key, each in fields.items()
        }
        return SecretVersion(data["metadata"]["version"], texts)

    def write(self, name: str, fields: Mapping[str, str], expected: int | None = None) -> int:
        """Set some fields of a secret and return the number of the new version."""
        path = self._path(name)
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            latest = self.read(name)
            if expected not in (None, latest.number):
                break

            def request(client: Any, latest: SecretVersion = latest) -> Any:
                return client.secrets.kv.v2.create_or_update_secret(
                    path,
                    {**latest.fields, **fields},
                    cas=latest.number,
                    mount_point=self._mount,
                )

            try:
                made = self._client.call(f"write {self._mount}/data/{path}", request)
            except InvalidPath:
                raise self._no_engine() from None
            except InvalidRequest as error:
                # If the version is unchanged, no other process wrote first: the request is wrong.
                if self.read(name).number == latest.number or attempt == WRITE_ATTEMPTS:
                    raise self._wrong_request(error) from None
                continue
            if not isinstance(made, dict):  # version 1 stores the secret and returns an empty body
                raise self._no_engine()
            number: int = made["data"]["version"]
            return number
        raise SecretChanged(
            f"secret {name} has version {latest.number}, not {expected}",
            where=f"{self._mount}/{path}",
            fix="read it again",
        )

    def names(self) -> list[str]:
        """Return the names of all secrets, sorted."""
        return sorted(self._walk(""))

    def describe(self) -> str:
        """Return one line about the connection, for `neurova doctor`."""
        return self._client.describe_token()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _walk(self, folder: str) -> Iterator[str]:
        path = self._path(folder)

        def request(client: Any) -> Any:
            found = client.secrets.kv.v2.list_secrets(path, mount_point=self._mount)
            return found["data"]["keys"]

        try:
            keys = self._client.call(f"list {self._mount}/metadata/{path}", request)
        except InvalidPath as error:
            if error.errors:
                raise self._no_engine() from None
            return
        for key in keys:
            if key.endswith("/"):
                yield from self._walk(folder + key)
            else:
                yield folder + key

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _no_engine(self) -> SecretsRefused:
        return SecretsRefused(
            f"Vault has no key-value engine of version 2 at {self._mount}/",
            where="secrets.mount",
            fix=f"set its mount, or run `vault secrets enable -path={self._mount} -version=2 kv`",
        )

    def _wrong_request(self, error: InvalidRequest) -> SecretsRefused:
        return SecretsRefused(
            f"Vault refuses the request: {', '.join(error.errors or ()) or error.text or error}",
            where="secrets.url",
            fix="correct secrets.url; a Vault with TLS needs https://",
        )
