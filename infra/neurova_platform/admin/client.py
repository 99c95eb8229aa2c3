"""A client of the Admin API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurova.errors import Unavailable
from neurova.files.private import read_private_file

from .. import http_client
from .access import ADDRESS_FILE, load_token


class Client:
    """Send requests to the Admin API at `url`, with `token`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def get(self, path: str) -> Any:
        """Return a decoded resource. Raises Unavailable if the API refuses or does not respond."""
        headers = {"Authorization": f"Bearer {self._token}"}
        response = http_client.send(self._url, "GET", path, headers, None, timeout=10.0)
        content = response.decoded()
        if response.status != 200:
            detail = content.get("detail", "") if isinstance(content, dict) else ""
            raise Unavailable(
                f"the Admin API responded {response.status}: {detail}", where=self._url
            )
        return content


def connect(state: Path, token: str = "") -> Client:
    """Return a client for the platform that uses a state folder.

    Raises Unavailable if no platform runs.
    """
    url = read_private_file(state / ADDRESS_FILE)
    if not url:
        raise Unavailable(
            "no Admin API runs on this state folder",
            where=str(state),
            fix="start `neurova dev` or `neurova run` with admin.enabled",
        )
    return Client(url, load_token(state, token))
