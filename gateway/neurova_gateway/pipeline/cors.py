"""Step: handle cross-origin requests, configured like Kong's `cors` plugin."""

from __future__ import annotations

from typing import Any

from neurova.http.call import Call, Field
from neurova.http.reply import Reply


class Cors:
    """Answer preflight requests and add CORS headers for allowed origins (by default none).

    `config` has the keys of Kong's plugin: origins, methods, headers, exposed_headers, credentials,
    max_age (seconds).
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._origins = {origin.encode() for origin in config.get("origins", ())}
        self._any = b"*" in self._origins
        self._credentials = bool(config.get("credentials", False))
        self._methods = ", ".join(config.get("methods", ())).encode()
        self._headers = ", ".join(config.get("headers", ())).encode()
        self._exposed = ", ".join(config.get("exposed_headers", ())).encode()
        self._max_age = str(config.get("max_age", 600)).encode()

    def __call__(self, call: Call) -> Reply | None:
        """Add headers for an allowed origin; return a reply only to a preflight request."""
        origin = call.headers.get(b"origin")
        if not self._any:  # even without Origin, since caches store the reply
            call.reply_fields.append((b"vary", b"origin"))
        allowed = None if origin is None else self._allowed(origin)
        if allowed is None:
            return None
        call.reply_fields.append((b"access-control-allow-origin", allowed))
        if self._credentials:
            call.reply_fields.append((b"access-control-allow-credentials", b"true"))
        if call.method == "OPTIONS" and b"access-control-request-method" in call.headers:
            return Reply.of(204, b"", b"", self._preflight())
        if self._exposed:
            call.reply_fields.append((b"access-control-expose-headers", self._exposed))
        return None

    def _allowed(self, origin: bytes) -> bytes | None:
        # The Fetch standard forbids "*" with credentials, and echoing every origin would allow
        # credentials from all of them.
        if self._any and not self._credentials:
            return b"*"
        return origin if origin in self._origins else None

    def _preflight(self) -> list[Field]:
        return [
            (b"access-control-allow-methods", self._methods),
            (b"access-control-allow-headers", self._headers),
            (b"access-control-max-age", self._max_age),
        ]
