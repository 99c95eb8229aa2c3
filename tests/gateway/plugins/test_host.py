"""Plugins run in order, share instances, and pass nothing that nobody stated a caller for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neurova.errors import ConfigError
from neurova.http.call import Call
from neurova.http.reply import Reply
from neurova_gateway.kong.config import Plugin
from neurova_gateway.plugins.host import PluginHost

NOTING = """
priority = {priority}
class Plugin:
    made = 0
    def __init__(self, config):
        type(self).made += 1
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


def test_order(host: PluginHost) -> None:
    """Plugins run by falling priority, of equals by name, however they are listed."""
    made = call()
    chain = host.chain([plugin("same"), plugin("late"), plugin("early", states=STATES)])
    assert chain.access(made) is None
    assert made.shared["noted"] == "early late same "


def test_caller(host: PluginHost) -> None:
    """The caller that a plugin stated rides in the call, with the trace's id."""
    made = call()
    made.trace_id = 0xABC
    assert host.chain([plugin("early", states=STATES)]).access(made) is None
    assert made.caller is not None
    assert (made.caller.consumer, made.caller.key_id) == ("acme", "k1")
    assert made.caller.scopes == {"a", "b"}
    assert made.caller.environment == "test"


def test_exit_ends_the_chain(host: PluginHost) -> None:
    """After an exit no later plugin runs."""
    made = call()
    chain = host.chain([plugin("early", states=STATES, exits=True), plugin("late")])
    reply = chain.access(made)
    assert reply is not None
    assert reply.status == 418
    assert made.shared["noted"] == "early "
    assert made.caller is None


@pytest.mark.parametrize("plugins", [[], ["early"], ["early", "late"]])
def test_guard(host: PluginHost, plugins: list[str]) -> None:
    """Where no plugin states a caller, no call passes: nothing is open by omission."""
    reply = host.chain([plugin(name) for name in plugins]).access(call())
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
        {**STATES, "consumer": 1},
        {**STATES, "scopes": ["a"]},
        {**STATES, "key_id": {"a": "b"}},
        {name: STATES[name] for name in ("consumer", "key_id", "scopes")},
    ],
)
def test_junk_statement(host: PluginHost, states: Any) -> None:
    """A statement that is none passes nothing, not even after a good one was remembered."""
    assert host.chain([plugin("early", states=STATES)]).access(call()) is None
    made = call()
    reply = host.chain([plugin("early", states=states)]).access(made)
    assert reply is not None
    assert reply.status == 503
    assert made.caller is None


def test_nothing_stays(host: PluginHost) -> None:
    """One call's statement passes no other."""
    chain = host.chain([plugin("late")])
    assert host.chain([plugin("early", states=STATES)]).access(call()) is None
    assert chain.access(call()) is not None


def test_a_calls_own_shared_is_not_believed(host: PluginHost) -> None:
    """What lay in the call before its plugins ran does not pass it."""
    made = call()
    made.shared["nv"] = dict(STATES)
    assert host.chain([plugin("late")]).access(made) is not None


def test_instances_are_shared(host: PluginHost) -> None:
    """Equal configs make one instance and one chain, in whatever order they are written."""
    one = host.chain([plugin("early", a=1, b={"c": 2, "d": 3}), plugin("late")])
    two = host.chain([plugin("late"), plugin("early", b={"d": 3, "c": 2}, a=1)])
    assert one is two
    for _ in range(1000):
        host.chain([plugin("early", a=1, b={"c": 2, "d": 3})])
    assert len(host._instances) == 2
    assert host.chain([plugin("early", a=2)]) is not host.chain([plugin("early", a=1)])


def test_old_configs_are_dropped(host: PluginHost) -> None:
    """An instance lives as long as a chain uses it: reloads leave nothing behind."""
    kept = host.chain([plugin("early", number=-1), plugin("late")])
    for number in range(50):
        chain = host.chain([plugin("early", number=number), plugin("late")])
    assert len(host._instances) == 3
    assert len(host._chains) == 2
    del chain
    assert kept.access(call()) is not None
    assert host.chain([plugin("late"), plugin("early", number=-1)]) is kept
    assert len(host._instances) == 2


def test_config_is_the_instances_own(tmp_path: Path) -> None:
    """A plugin that changes its config changes nobody else's."""
    (tmp_path / "some.py").write_text(
        "class Plugin:\n    def __init__(self, config):\n        config['a'].append('b')\n"
        "    def access(self, kong): ...\n"
    )
    config = {"a": ["a"]}
    PluginHost(tmp_path).chain([Plugin("some", config)])
    assert config == {"a": ["a"]}


def test_unknown_plugin(host: PluginHost) -> None:
    """A plugin that is not in the folder is an error when its chain is made."""
    with pytest.raises(ConfigError, match="did you mean 'early'"):
        host.chain([plugin("earli")])


def test_log(host: PluginHost) -> None:
    """The log phase sees what access left."""
    made = call()
    chain = host.chain([plugin("early", states=STATES), plugin("late")])
    chain.access(made)
    chain.log(made, Reply())
    assert made.shared["logged"] == "early late late"


def test_fault_is_told_without_values(tmp_path: Path) -> None:
    """A fault is counted by plugin and told with its place, never with a value."""
    lines: list[str] = []
    (tmp_path / "some.py").write_text(
        "class Plugin:\n    def __init__(self, config): ...\n"
        "    def access(self, kong):\n        raise ValueError('nrv_test_secret')\n"
    )
    host = PluginHost(tmp_path, tell=lines.append)
    host.chain([Plugin("some", {})]).access(call())
    assert host.faults == {"some": 1}
    assert lines == [f"plugin some: access ended in ValueError at {tmp_path / 'some.py'}:4"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Any number of callers takes no more memory than some thousands."""
    (tmp_path / "some.py").write_text(
        "class Plugin:\n    def __init__(self, config): ...\n"
        "    def access(self, kong):\n        consumer = kong.request.get_header('x')\n"
        f"        kong.ctx.shared.set('nv', {STATES!r} | {{'consumer': consumer}})\n"
    )
    chain = PluginHost(tmp_path).chain([Plugin("some", {})])
    for number in range(6_000):
        assert chain.access(Call("GET", b"/", b"", [(b"x", b"%d" % number)], "")) is None
    assert len(chain._callers) <= 4_000
