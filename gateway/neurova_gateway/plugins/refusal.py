"""The reply with which a plugin refuses a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from neurova.http.problem import reason_phrase


class Refusal(NamedTuple):
    """A reply with an RFC 9457 problem as its body, and the key's consumer if it is known."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str | bytes]
    consumer: Mapping[str, str] | None = None
    credential: Mapping[str, str] | None = None

    @property
    def reply(self) -> tuple[int, dict[str, Any], dict[str, str | bytes]]:
        """Return the arguments of `kong.response.exit`."""
        return self[:3]


def refuse(
    status: int,
    detail: str,
    *,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str | bytes] | None = None,
) -> Refusal:
    """Return a refusal with the given status.

    `fields` maps each faulty header field of the request to its error; `headers` are added to the
    reply.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": reason_phrase(status),
        "status": status,
        "detail": detail,
    }
    if fields:
        body["errors"] = [
            {"pointer": f"/{name}", "message": message, "in": "header"}
            for name, message in fields.items()
        ]
    return Refusal(status, body, {"content-type": "application/problem+json", **(headers or {})})


def unavailable(what: str) -> Refusal:
    """Return a 503 refusal; `what` states which service is unavailable."""
    return refuse(503, f"{what}, retry in a second", headers={"retry-after": "1"})
