"""The embedded host, with the interface of the double of Kong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurova.http.call import Call, Field
from neurova_gateway.kong.config import Plugin
from neurova_gateway.plugins.host import PluginHost
from neurova_gateway.plugins.pdk.context import unwrap
from neurova_gateway.plugins.stores import Stores

from .kong_double import Request, Verdict


class Embedded:
    """Send requests through a chain of plugins in this process."""

    def __init__(
        self,
        folder: Path,
        settings: Sequence[tuple[str, dict[str, Any]]],
        stores: Stores | None = None,
        deadline: float = 2.0,
    ) -> None:
        self.lines: list[str] = []
        self.host = PluginHost(folder, stores=stores, deadline=deadline, report=self.lines.append)
        self.chain = self.host.get_chain([Plugin(name, config) for name, config in settings])

    def send(self, request: Request) -> Verdict:
        """Return the verdict on a request."""
        path, _, query = request.target.encode("utf-8", "surrogateescape").partition(b"?")
        fields = [(name.lower().encode(), raw(value)) for name, value in request.fields]
        call = Call(request.method, path, query, fields, request.client)
        reply = self.chain.access(call)
        nv = unwrap(call.shared.get("nv"))
        upstream = grouped(call.fields)
        sent = {name: values[-1] for name, values in grouped(call.reply_fields).items()}
        if reply is None:
            assert call.caller is not None
            return Verdict(200, None, sent, upstream, nv)
        sent |= {name: values[-1] for name, values in grouped(reply.fields).items()}
        if reply.content_type:
            sent["content-type"] = reply.content_type.decode()
        body = json.loads(reply.body) if b"json" in reply.content_type else reply.body.decode()
        return Verdict(reply.status, body, sent, upstream, nv)


def raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def grouped(fields: list[Field]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields:
        found.setdefault(name.decode(), []).append(value.decode("utf-8", "surrogateescape"))
    return found
