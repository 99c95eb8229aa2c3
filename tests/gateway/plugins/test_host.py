"""Plugins run in order and share instances; a call needs a caller set by a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import ref

import pytest

from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova_gateway.kong.config import Plugin
from neurova_gateway.plugins.host import PluginHost

NOTING = """
priority = {priority}
class Plugin:
    def __init__(self, config):
        self.config = config
    def access(self, kong):
        noted = kong.ctx.shared.get("noted") or ""
        kong.ctx.shared.set("noted", noted + "{name} ")
        if self.config.get("states"):
            kong.ctx.shared.set("nv", self.config["states"])
        if self.config.get("exits"):
            kong.response.exit(418)
    def log(self, kong):
        kong.ctx.shared.set("logged", kong.ctx.shared.get("noted") + "{name}")
"""
RAISING = """
class Plugin:
    def __init__(self, config): ...
    def access(self, kong):
        raise ValueError("nrv_test_secret")
"""
STATES = {"consumer": "acme", "key_id": "k1", "scopes": "b a", "environment": "test"}


@pytest.fixture
def host(tmp_path: Path) -> PluginHost:
    for name, priority in (("late", 5), ("early", 50), ("same", 5)):
        (tmp_path / f"{name}.py").write_text(NOTING.format(name=name, priority=priority))
    return PluginHost(tmp_path)


def call() -> Call:
    return Call("GET", b"/", b"", [], "")


def plugin(name: str, **config: Any) -> Plugin:
    return Plugin(name, config)


def test_plugins_run_by_priority_then_name(host: PluginHost) -> None:
    made = call()
    chain = host.get_chain([plugin("same"), plugin("late"), plugin("early", states=STATES)])
    assert chain.access(made) is None
    assert made.shared["noted"] == "early late same "
    assert made.caller is not None
    assert (made.caller.consumer, made.caller.key_id) == ("acme", "k1")
    assert made.caller.scopes == {"a", "b"}
    assert made.caller.environment == "test"
    chain.log(made, Reply())
    assert made.shared["logged"] == "early late same same"


def test_no_plugin_runs_after_an_exit(host: PluginHost) -> None:
    made = call()
    chain = host.get_chain([plugin("early", states=STATES, exits=True), plugin("late")])
    reply = chain.access(made)
    assert reply is not None
    assert reply.status == 418
    assert made.shared["noted"] == "early "
    assert made.caller is not None  # the access record shows the caller
    assert made.caller.consumer == "acme"


@pytest.mark.parametrize("plugins", [[], ["early"], ["early", "late"]])
def test_guard_refuses_calls_without_caller(host: PluginHost, plugins: list[str]) -> None:
    """A plugin must set the caller, and for each call anew."""
    assert host.get_chain([plugin("early", states=STATES)]).access(call()) is None
    made = call()
    made.shared["nv"] = dict(STATES)
    for each in (made, call()):
        reply = host.get_chain([plugin(name) for name in plugins]).access(each)
        assert reply is not None
        assert reply.status == 503
        assert (b"retry-after", b"1") in reply.fields
        assert reply.content_type == b"application/problem+json"


@pytest.mark.parametrize(
    "states",
    [
        "yes",
        ["consumer"],
        {**STATES, "consumer": None},
        {**STATES, "key_id": {"a": "b"}},
        {name: STATES[name] for name in ("consumer", "key_id", "scopes")},
    ],
)
def test_malformed_statement_is_refused(host: PluginHost, states: Any) -> None:
    """This holds even after a valid caller was cached."""
    assert host.get_chain([plugin("early", states=STATES)]).access(call()) is None
    made = call()
    reply = host.get_chain([plugin("early", states=states)]).access(made)
    assert reply is not None
    assert reply.status == 503
    assert made.caller is None


def test_equal_configs_share_a_chain(host: PluginHost) -> None:
    one = host.get_chain([plugin("early", a=1, b={"c": 2, "d": 3}), plugin("late")])
    two = host.get_chain([plugin("late"), plugin("early", b={"d": 3, "c": 2}, a=1)])
    assert one is two
    assert host.get_chain([plugin("early", a=2)]) is not host.get_chain([plugin("early", a=1)])


def test_reload_frees_unused_chains(host: PluginHost) -> None:
    used = host.get_chain([plugin("early", number=-1), plugin("late")])
    unused = ref(host.get_chain([plugin("early", number=1), plugin("late")]))
    assert unused() is None
    assert used.access(call()) is not None
    assert host.get_chain([plugin("late"), plugin("early", number=-1)]) is used


def test_fault_is_reported_without_its_message(tmp_path: Path) -> None:
    """An exception's message may contain a key."""
    lines: list[str] = []
    (tmp_path / "some.py").write_text(RAISING)
    host = PluginHost(tmp_path, report=lines.append)
    host.get_chain([Plugin("some", {})]).access(call())
    assert host.faults == {"some": 1}
    assert lines == [f"plugin some: access raised ValueError at {tmp_path / 'some.py'}:5"]
