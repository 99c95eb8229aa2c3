"""Call a running platform with the standard library."""

from __future__ import annotations

import http.client
import json
import os
import re
import ssl
import string
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from neurova.errors import Unavailable

# Escape only characters that http.client refuses.
_UNESCAPED = string.printable.translate({ord(space): None for space in string.whitespace})
_ITEM = re.compile(r'\s*"((?:[^"\\]|\\.)*)"((?:\s*;\s*[a-z*][a-z0-9_.*-]*=[^;,]*)*)\s*')
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on


class Limit(NamedTuple):
    """The state of one limit: `remaining` of `limit` calls are left; it resets in `reset` s."""

    name: str
    remaining: int
    reset: int
    limit: int
    seconds: int


class Answer(NamedTuple):
    """A response, and the milliseconds from connecting to its last byte."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    ms: float

    def decoded(self) -> Any:
        """Return the decoded body if it is JSON, else its text."""
        if "json" in self.headers.get("content-type", ""):
            try:
                return json.loads(self.body)
            except ValueError:
                pass
        return self.body.decode("utf-8", "replace")

    def limits(self) -> list[Limit]:
        """Return the limits from the RateLimit header fields, in the order of the fields."""
        policies = _items(self.headers.get("ratelimit-policy", ""))
        found = []
        for name, left in _items(self.headers.get("ratelimit", "")).items():
            policy = policies.get(name, {})
            found.append(
                Limit(
                    name, left.get("r", 0), left.get("t", 0), policy.get("q", 0), policy.get("w", 0)
                )
            )
        return found


def address(host: str, port: int, *, tls: bool) -> str:
    """Return the URL for calls from this machine to a gateway that listens on `host`."""
    host = _LOOPBACK.get(host, host)
    name = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{name}:{port}"


def send(
    base: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    trusted: str = "",
    timeout: float = 60.0,
) -> Answer:
    """Send one request to the platform at the URL `base` and return the response.

    `trusted`: a certificate file to trust with https. `timeout`: seconds for each socket operation.
    Raises Unavailable when no platform responds.
    """
    url = urlsplit(base)
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=trusted or None)
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=timeout)
    started = time.perf_counter()
    try:
        connection.request(method, quote(os.fsencode(path), safe=_UNESCAPED), body, dict(headers))
        reply = connection.getresponse()
        content = reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"no response ({error or type(error).__name__})",
            where=base,
            fix="start the platform with `neurova dev`, or set its port with --port",
        ) from None
    finally:
        connection.close()
    fields = {name.lower(): value for name, value in reply.getheaders()}
    return Answer(
        reply.status, reply.reason, fields, content, (time.perf_counter() - started) * 1000
    )


def _items(field: str) -> dict[str, dict[str, int]]:
    """Return the items of a structured field (RFC 9651) with their integer parameters."""
    found = {}
    for match in _ITEM.finditer(field):
        pairs = (part.strip().partition("=") for part in match[2].split(";") if part.strip())
        found[match[1]] = {
            name: int(value) for name, _, value in pairs if value.strip().isdecimal()
        }
    return found
