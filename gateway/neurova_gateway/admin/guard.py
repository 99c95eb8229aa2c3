"""Who may ask the Admin API: who names a host of ours and holds the token."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from hmac import compare_digest
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from neurova.errors import NeurovaError
from neurova.http.problem import Reject

from .answer import refusal
from .audit import Audit

LOGGER = logging.getLogger("neurova.admin")
LOOPBACK = frozenset(["localhost", "127.0.0.1", "[::1]"])
OPEN = frozenset(["/health", "/health/ready"])
READS = frozenset(["GET", "HEAD"])
CHALLENGE = {"www-authenticate": 'Bearer realm="neurova admin"'}
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class Guard:
    """Stand before an app: Host, token, audit; every fault below becomes problem+json.

    `hosts` are names that are answered beside those of loopback: a page that had its own name
    resolve to this machine (DNS rebinding) is not one of them. A call that may change something is
    in the audit before it begins.
    """

    def __init__(self, app: App, token: str, audit: Audit, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._audit = audit
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = False

        async def told(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            self._admit(scope)
            if scope["path"] in OPEN or scope["method"] in READS:
                await self._app(scope, receive, told)
            else:
                await self._audited(scope, receive, told)
        except Exception as error:
            if started:
                raise
            await refusal(_rejected(error))(scope, receive, send)

    def _admit(self, scope: Any) -> None:
        """Raise Reject for who may not ask this."""
        fields = scope["headers"]
        hosts = [value for name, value in fields if name == b"host"]
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            raise Reject(
                421,
                "this API does not answer for that Host: use 127.0.0.1, or name it in admin.hosts",
            )
        if scope["path"] in OPEN:
            return
        said = [value for name, value in fields if name == b"authorization"]
        scheme, _, token = (said[0] if len(said) == 1 else b"").partition(b" ")
        # Compared even when the scheme is wrong: the answer takes as long.
        right = compare_digest(token.strip(b" \t"), self._token)
        if not right or scheme.lower() != b"bearer":
            raise Reject(
                401,
                "send the token, which lies in admin.token in the state folder, as "
                "`Authorization: Bearer <token>`; never in the query",
                headers=CHALLENGE,
            )

    async def _audited(self, scope: Any, receive: Receive, send: Send) -> None:
        client = scope.get("client") or ("", 0)
        change = await run_in_threadpool(
            self._audit.begin,
            method=scope["method"],
            path=quote(scope["path"][:512]),
            client=client[0],
        )
        status = 500
        done: dict[str, Any] = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:
            status = _rejected(error).status
            raise
        finally:
            said = done.get("audit", {})
            await run_in_threadpool(self._audit.end, change, status=status, **said)


def _name(host: bytes) -> str:
    name, separator, port = host.decode("latin-1").lower().rpartition(":")
    if not separator or (name.count(":") and not name.endswith("]")):
        return host.decode("latin-1").lower()
    return name if port.isdigit() else ""


def _rejected(error: Exception) -> Reject:
    """Return what a client is told of a fault: no internals."""
    if isinstance(error, Reject):
        return error
    if isinstance(error, NeurovaError):
        return Reject(503, str(error), headers={"retry-after": "1"})
    LOGGER.error("the admin API failed", exc_info=error)
    return Reject(500, "the admin API failed: its log has the traceback")


def unanswered(_: Any, error: Exception) -> Response:
    """Return Starlette's own refusals, of an unknown path or a method, as problem+json."""
    status: int = getattr(error, "status_code", 500)
    fields = dict(getattr(error, "headers", None) or {})
    detail = "there is nothing at this path: docs/admin-api.md lists all"
    if status == 405:
        detail = f"this is not answered here; use {fields.get('Allow', 'another method')}"
    return refusal(Reject(status, detail, headers=fields))
