"""The PDK serves the phase that runs, and nothing else."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from neurova_gateway.plugins.pdk import Kong, PhaseOver

CALLS = {
    "request.get_headers": lambda kong: kong.request.get_headers(),
    "request.get_header": lambda kong: kong.request.get_header("a"),
    "request.get_method": lambda kong: kong.request.get_method(),
    "request.get_query": lambda kong: kong.request.get_query(),
    "request.get_raw_body": lambda kong: kong.request.get_raw_body(),
    "request.get_host": lambda kong: kong.request.get_host(),
    "response.exit": lambda kong: kong.response.exit(200),
    "response.set_headers": lambda kong: kong.response.set_headers({"a": "b"}),
    "response.add_header": lambda kong: kong.response.add_header("a", "b"),
    "response.clear_header": lambda kong: kong.response.clear_header("a"),
    "response.get_status": lambda kong: kong.response.get_status(),
    "service.request.set_header": lambda kong: kong.service.request.set_header("a", "b"),
    "service.request.clear_header": lambda kong: kong.service.request.clear_header("a"),
    "client.get_ip": lambda kong: kong.client.get_ip(),
    "client.get_forwarded_ip": lambda kong: kong.client.get_forwarded_ip(),
    "client.authenticate": lambda kong: kong.client.authenticate({}, {}),
    "client.get_consumer": lambda kong: kong.client.get_consumer(),
    "client.load_consumer": lambda kong: kong.client.load_consumer("a"),
    "ctx.shared.get": lambda kong: kong.ctx.shared.get("a"),
    "ctx.shared.set": lambda kong: kong.ctx.shared.set("nv", {"a": "b"}),
    "nginx.get_var": lambda kong: kong.nginx.get_var("request"),
}
EACH = pytest.mark.parametrize("use", CALLS.values(), ids=CALLS)


@EACH
def test_pdk_call_after_its_phase(begin: Any, phase: Any, use: Any) -> None:
    """A plugin that uses `kong` after its phase reads and changes nothing."""
    kong, call = begin()
    phase.thread = 0
    with pytest.raises(PhaseOver):
        use(kong)
    assert (call.shared, call.reply_fields, phase.reply) == ({}, [], None)


@EACH
def test_pdk_call_from_another_thread(begin: Any, phase: Any, use: Any) -> None:
    """Another thread of a plugin reaches no call, even while a phase runs."""
    kong, call = begin()
    raised: list[type[BaseException]] = []

    def run() -> None:
        try:
            use(kong)
        except BaseException as error:
            raised.append(type(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert raised == [PhaseOver]
    assert (call.shared, call.reply_fields, phase.reply) == ({}, [], None)


@pytest.mark.parametrize(
    "name", ["db", "cache", "node", "service.set_upstream", "request.nonsense"]
)
def test_unknown_name(begin: Any, name: str) -> None:
    """An unknown name is an error."""
    found: Any = begin()[0]
    *path, last = name.split(".")
    for part in path:
        found = getattr(found, part)
    with pytest.raises(AttributeError):
        getattr(found, last)


def test_pdk_is_read_only(begin: Any) -> None:
    """A plugin cannot replace a function of the PDK."""
    kong: Kong = begin()[0]
    for holder in (kong.request, kong.ctx.shared, kong.response):
        with pytest.raises(AttributeError):
            holder.get = holder.exit = lambda *_: None  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        kong.request = kong.response  # type: ignore[misc]
