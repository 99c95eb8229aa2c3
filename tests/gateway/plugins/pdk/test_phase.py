"""The PDK works only during the running phase."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import Any

import pytest

from neurova_gateway.plugins.pdk import Kong, PhaseOver

CALLS: dict[str, tuple[object, ...]] = {
    "request.get_headers": (), "request.get_method": (), "request.get_query": (),
    "request.get_raw_body": (), "request.get_host": (), "response.get_status": (),
    "client.get_ip": (), "client.get_forwarded_ip": (), "client.get_consumer": (),
    "request.get_header": ("a",), "response.exit": (200,), "response.set_headers": ({"a": "b"},),
    "response.add_header": ("a", "b"), "response.clear_header": ("a",),
    "service.request.set_header": ("a", "b"), "service.request.clear_header": ("a",),
    "client.authenticate": ({}, {}), "client.load_consumer": ("a",), "ctx.shared.get": ("a",),
    "ctx.shared.set": ("nv", {"a": "b"}), "nginx.get_var": ("request",),
}  # fmt: skip


def caller(name: str) -> Any:
    return lambda kong: attrgetter(name)(kong)(*CALLS[name])


EACH = pytest.mark.parametrize("use", list(map(caller, CALLS)), ids=CALLS)


@EACH
def test_pdk_call_after_its_phase_changes_nothing(begin: Any, phase: Any, use: Any) -> None:
    kong, call = begin()
    phase.thread = 0
    with pytest.raises(PhaseOver):
        use(kong)
    assert (call.shared, call.reply_fields, phase.reply) == ({}, [], None)


@EACH
def test_pdk_call_from_another_thread_changes_nothing(begin: Any, phase: Any, use: Any) -> None:
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
def test_unknown_pdk_name_is_an_error(begin: Any, name: str) -> None:
    with pytest.raises(AttributeError):
        attrgetter(name)(begin()[0])


def test_pdk_is_read_only(begin: Any) -> None:
    kong: Kong = begin()[0]
    for holder in (kong.request, kong.ctx.shared, kong.response):
        with pytest.raises(AttributeError):
            holder.get = holder.exit = lambda *_: None  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        kong.request = kong.response  # type: ignore[misc]
