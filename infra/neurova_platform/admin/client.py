"""Asking the Admin API of the platform that runs on a state folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurova.errors import Unavailable
from neurova.files.private import read_private_file

from ..serving import client
from . import address as admin_address
from . import token as admin_token


class Client:
    """Ask at `url`, with `token`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def get(self, path: str) -> Any:
        """Return a resource. Raises Unavailable when it is refused or nobody answers."""
        fields = {"Authorization": f"Bearer {self._token}"}
        answer = client.send(self._url, "GET", path, fields, None, timeout=10.0)
        found = answer.decoded()
        if answer.status != 200:
            said = found.get("detail", "") if isinstance(found, dict) else ""
            raise Unavailable(f"the Admin API at {self._url} answered {answer.status}: {said}")
        return found


def of(state: Path) -> Client:
    """Return what asks the platform of a state folder. Raises Unavailable when none runs there."""
    url = read_private_file(state / admin_address.FILE)
    if not url:
        raise Unavailable(
            f"no Admin API answers for {state}: start `neurova dev` or `neurova run`, "
            "with admin.enabled"
        )
    return Client(url, admin_token.load(state))
