"""The section `[secrets]` of neurova.toml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from .section import Section
from .units import Credential, FilePath

KUBERNETES_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
Expiry = Annotated[float, msgspec.Meta(gt=0, le=604_800)]


class Secrets(Section, frozen=True):
    """Configure the store of secrets.

    `url`: the address of Vault, empty for an encrypted file in the state folder. `expiry`: seconds
    that values are used while the store does not respond.

    Of the file: `key`, its keys, separated by commas; else they are in `key_file`, by default
    `secrets.key` in the state folder.

    Of Vault: `mount` and `prefix`, where the secrets are; `namespace`; `ca`, a file of
    certificates; `auth`, how this process logs in: with `token`, with `role` and `secret_id`, or
    with `role` and the service account token in `jwt_file`. `auth_mount`: by default `auth`.
    """

    url: str = ""
    expiry: Expiry = 3600.0
    key: Credential = ""
    key_file: FilePath = ""
    mount: str = "secret"
    prefix: str = ""
    namespace: str = ""
    ca: FilePath = ""
    auth: Literal["token", "approle", "kubernetes"] = "token"
    auth_mount: str = ""
    token: Credential = ""
    role: str = ""
    secret_id: Credential = ""
    jwt_file: FilePath = KUBERNETES_TOKEN

    def __repr__(self) -> str:
        return f"<Secrets in {'Vault' if self.url else 'a file'}>"


_NEEDS: dict[str, tuple[str, ...]] = {
    "token": ("token",),
    "approle": ("role", "secret_id"),
    "kubernetes": ("role",),
}


def find_secrets_faults(secrets: Secrets) -> Iterator[tuple[str, str]]:
    """Yield each key in `[secrets]` with an invalid value, and what is wrong."""
    if not secrets.url:
        return
    parts = urlsplit(secrets.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        yield "url", "is not the address of Vault, write one like https://vault.example:8200"
    for name in _NEEDS[secrets.auth]:
        if not getattr(secrets, name):
            yield name, f'is missing, auth = "{secrets.auth}" needs it'
