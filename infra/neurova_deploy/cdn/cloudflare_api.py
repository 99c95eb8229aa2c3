"""Cloudflare's API: requests, multipart bodies, and its errors with their fixes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from email.parser import BytesParser
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from neurova.errors import ConfigError, Unavailable
from neurova.server_url import connect

from ..targets.base import DeployError

_SECONDS = 60.0
_TOKEN = "CLOUDFLARE_API_TOKEN"  # noqa: S105 - the name of a variable
_REFUSED = "give the token the permissions of docs/cdn.md, and this account and zone"


class Part(NamedTuple):
    """One part of a multipart body."""

    name: str
    content: bytes
    content_type: str
    is_file: bool = True


class CloudflareApi:
    """Call the API of one account; the token comes from the environment and is never shown."""

    def __init__(self, account: str, environ: Mapping[str, str]) -> None:
        self.account = account or environ.get("CLOUDFLARE_ACCOUNT_ID", "")
        self._token = environ.get(_TOKEN, "")
        base = environ.get("CLOUDFLARE_API_BASE_URL", "https://api.cloudflare.com/client/v4")
        self._url = urlsplit(base)
        if not self._token:
            fix = "create a token with the permissions of docs/cdn.md and set it"
            raise ConfigError(f"{_TOKEN} is not set", where="Cloudflare", fix=fix)
        if not self.account:
            fix = "set it to the id of your Cloudflare account"
            raise ConfigError("is missing", where="cdn_account", fix=fix)

    def send(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """Send a request and return its result, or None if the status is 404.

        `path` is relative to the account, unless it begins with "/". `body`: multipart parts, or a
        value to send as JSON. For a multipart response, returns the contents of its parts by name.
        """
        headers = {"Authorization": f"Bearer {token or self._token}"}
        content = None
        if isinstance(body, list):
            content, headers["Content-Type"] = _multipart(body)
        elif body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        full = path if path.startswith("/") else f"/accounts/{self.account}/{path}"
        connection = connect(self._url, _SECONDS)
        try:
            connection.request(method, f"{self._url.path}{full}", content, headers)
            response = connection.getresponse()
            received = response.read()
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            where = f"Cloudflare {method} {full}"
            raise Unavailable(f"no response ({reason})", where=where, fix="deploy again") from None
        finally:
            connection.close()
        kind = response.getheader("content-type", "")
        if response.status == 404:
            return None
        if response.status >= 300:
            raise _error(response.status, received, f"Cloudflare {method} {full}")
        if kind.startswith("multipart/"):
            return _parts(kind, received)
        return json.loads(received)["result"] if received else None


def _error(status: int, received: bytes, where: str) -> DeployError:
    try:
        errors = json.loads(received)["errors"]
        what = "; ".join(f"{each['message']} (code {each['code']})" for each in errors)
    except (ValueError, KeyError, TypeError):
        what = ""
    fix = _REFUSED if status in (401, 403) else "correct it and deploy again"
    return DeployError(f"{status}: {what or 'without a reason'}", where=where, fix=fix)


def _multipart(parts: Iterable[Part]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    body = bytearray()
    for part in parts:
        file = f'; filename="{part.name}"' if part.is_file else ""
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{file}\r\n'
            f"Content-Type: {part.content_type}\r\n\r\n"
        )
        body += head.encode() + part.content + b"\r\n"
    return bytes(body + f"--{boundary}--\r\n".encode()), f"multipart/form-data; boundary={boundary}"


def _parts(content_type: str, received: bytes) -> dict[str, bytes]:
    """Return the contents of a multipart response by name."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + received)
    found = {}
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found
