"""A running phase of a call described by the test."""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable

import pytest

from neurova.http.call import Call
from neurova_gateway.plugins.pdk import Kong, Phase

Begin = Callable[..., tuple[Kong, Call]]


@pytest.fixture
def phase() -> Phase:
    return Phase()


@pytest.fixture
def begin(phase: Phase) -> Begin:
    """Begin a phase: `kong, call = begin("GET", b"/a", b"b=c", [(b"host", b"x")])`."""
    kong = Kong(phase)

    def begin_phase(
        method: str = "GET",
        path: bytes = b"/",
        query: bytes = b"",
        fields: list[tuple[bytes, bytes]] | None = None,
        client: str = "192.0.2.1",
        **more: object,
    ) -> tuple[Kong, Call]:
        call = Call(method, path, query, fields or [], client, **more)  # type: ignore[arg-type]
        phase.begin(call, call.shared)
        phase.thread = get_ident()
        return kong, call

    return begin_phase
