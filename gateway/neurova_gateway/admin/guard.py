"""The checks in front of every operation of the Admin API: Host, token, audit."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from hmac import compare_digest
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neurova.errors import NeurovaError
from neurova.http.problem import Reject

from .audit import Audit
from .http import problem_response

LOGGER = logging.getLogger("neurova.admin")
LOOPBACK = frozenset(["localhost", "127.0.0.1", "[::1]"])
SAFE_METHODS = frozenset(["GET", "HEAD"])
CHALLENGE = {"www-authenticate": 'Bearer realm="neurova admin"'}


class Guard:
    """Check Host and token, audit changes, and turn every error into problem+json.

    `public`: paths that need no token. `hosts`: names accepted in addition to loopback names. Any
    other Host is refused, which prevents DNS rebinding. A request that may change state is logged
    before it runs.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        audit: Audit,
        hosts: Iterable[str] = (),
        public: Collection[str] = (),
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._audit = audit
        self._hosts = LOOPBACK | {host.lower() for host in hosts}
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            return
        started = False

        async def tracked_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._authorize(scope)
            if scope["path"] in self._public or scope["method"] in SAFE_METHODS:
                await self._app(scope, receive, tracked_send)
            else:
                await self._call_audited(scope, receive, tracked_send)
        except Exception as error:
            if started:
                raise
            await problem_response(_to_reject(error))(scope, receive, send)

    def _authorize(self, scope: Scope) -> None:
        """Raise Reject unless the request has an accepted Host and the token."""
        headers = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _host_name(hosts[0]) not in self._hosts:
            raise Reject(421, "Unknown Host, use 127.0.0.1 or add the name to admin.hosts")
        if scope["path"] in self._public:
            return
        values = [value for name, value in headers if name == b"authorization"]
        scheme, _, token = (values[0] if len(values) == 1 else b"").partition(b" ")
        # Compare the token even if the scheme is wrong, so that both refusals take equally long.
        is_valid = compare_digest(token.strip(b" \t"), self._token)
        if not is_valid or scheme.lower() != b"bearer":
            raise Reject(
                401,
                "Send the token from admin.token in the state folder as "
                "`Authorization: Bearer <token>`, never in the query",
                headers=CHALLENGE,
            )

    async def _call_audited(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client") or ("", 0)
        change = await run_in_threadpool(
            self._audit.begin,
            method=scope["method"],
            path=quote(scope["path"][:512]),
            client=client[0],
        )
        status = 500
        state: dict[str, Any] = scope.setdefault("state", {})

        async def tracked_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, tracked_send)
        except Exception as error:
            status = _to_reject(error).status
            raise
        finally:
            fields = state.get("audit", {})
            await run_in_threadpool(self._audit.end, change, status=status, **fields)


def _host_name(host: bytes) -> str:
    name, separator, port = host.decode("latin-1").lower().rpartition(":")
    if not separator or (name.count(":") and not name.endswith("]")):
        return host.decode("latin-1").lower()
    return name if port.isdigit() else ""


def _to_reject(error: Exception) -> Reject:
    """Convert an error to the refusal for the client, without internal details."""
    if isinstance(error, Reject):
        return error
    if isinstance(error, NeurovaError):
        return Reject(503, str(error), headers={"retry-after": "1"})
    LOGGER.error("Admin API request failed", exc_info=error)
    return Reject(500, "The Admin API failed, see its log for the traceback")
