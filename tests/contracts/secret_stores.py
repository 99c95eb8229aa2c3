"""The secret stores under the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.servers.openbao import OpenBao

from neurova.secrets.base import SecretStore
from neurova.secrets.file import FileSecretStore
from neurova.secrets.vault import VaultSecretStore
from neurova.settings.secrets import Secrets

PARAMETERS: list[Any] = [pytest.param("file"), pytest.param("vault", marks=pytest.mark.server)]


def opener(request: pytest.FixtureRequest) -> Callable[[], SecretStore]:
    """Return a function that opens an empty store of the backend in the test's parameter."""
    if request.param == "file":
        folder: Path = request.getfixturevalue("tmp_path")
        return lambda: FileSecretStore(folder / "secrets.encrypted", folder / "secrets.key")
    server: OpenBao = request.getfixturevalue("openbao")
    settings = Secrets(url=server.url, token=server.token, prefix=f"test/{uuid4().hex}")
    return lambda: VaultSecretStore(settings)
