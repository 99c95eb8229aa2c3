"""Run Kong plugins in this process, by priority and with a deadline."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from random import getrandbits
from time import time_ns
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.traces.span import INTERNAL, Span

from ..kong import config
from .loader import find_plugin, load
from .pdk import Kong, PdkError, Phase
from .pdk.context import unwrap
from .pdk.phase import ANONYMOUS
from .stores import Stores
from .watchdog import Watchdog

DEADLINE = 2.0
_CACHE_SIZE = 4_000

_read_caller = itemgetter("consumer", "key_id", "scopes", "environment")

_Key = tuple[str, bytes]
Step = tuple[str, Callable[[Kong], object]]


def _write_stderr(line: str) -> None:
    with suppress(OSError, ValueError):  # writing to a closed stderr must not fail the call
        sys.stderr.write(f"{line}\n")


class PluginHost:
    """Run the plugins of a folder; only one plugin phase runs at a time.

    `stores` are passed to plugins whose Schema has `state`. `deadline`: the maximum seconds of all
    access phases of a call together, and of each log phase. `report` receives a line for every
    fault; `faults` counts the faults of each plugin. All methods must be called in the main thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stores: Stores | None = None,
        deadline: float = DEADLINE,
        report: Callable[[str], None] = _write_stderr,
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._report = report
        self._stores = stores
        self._plugins = load(folder)
        # Weak references free an instance as soon as no route and no running call uses it.
        self._instances: WeakValueDictionary[_Key, _Instance] = WeakValueDictionary()
        self._chains: WeakValueDictionary[tuple[_Key, ...], Chain] = WeakValueDictionary()
        self._watchdog = Watchdog(deadline)
        self._phase = Phase()
        self._kong = Kong(self._phase)

    def start(self) -> None:
        """Start to enforce the deadline. Call this in the main thread."""
        self._watchdog.start()

    def stop(self) -> None:
        """Stop enforcing the deadline."""
        self._watchdog.stop()

    @property
    def waits(self) -> bool:
        """Return whether plugins may wait for the network."""
        return self._stores is not None and self._stores.limiter.waits

    def bind_stores(self, stores: Stores) -> None:
        """Pass these stores to all plugin instances that are created from now on."""
        self._stores = stores
        self._instances.clear()
        self._chains.clear()

    def get_chain(self, plugins: Sequence[config.Plugin]) -> Chain:
        """Return a chain of plugins in order of priority; equal configs share one instance.

        Raises ConfigError for an unknown plugin, or if a plugin refuses its config.
        """
        keys = tuple(
            sorted(
                (plugin.name, msgspec.json.encode(plugin.config, order="deterministic"))
                for plugin in plugins
            )
        )
        chain = self._chains.get(keys)
        if chain is None:
            instances = [self._get_instance(key) for key in sorted(keys, key=self._order)]
            chain = self._chains[keys] = Chain(self, instances)
        return chain

    def report_fault(self, name: str, phase: str, error: BaseException) -> None:
        """Count and report a plugin fault, without the error message, which may contain a key."""
        self.faults[name] += 1
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        self._report(f"plugin {name}: {phase} raised {type(error).__name__}{where}")

    def _order(self, key: _Key) -> tuple[int, str]:
        loaded = find_plugin(self._plugins, key[0])
        return -loaded.priority, loaded.name

    def _get_instance(self, key: _Key) -> _Instance:
        instance = self._instances.get(key)
        if instance is None:
            loaded = find_plugin(self._plugins, key[0])
            # As in Kong, each instance gets its own copy of the config, which it may change.
            plugin = loaded.create(msgspec.json.decode(key[1]), self._stores)
            instance = self._instances[key] = _Instance(key, plugin)
        return instance


class _Instance:
    """A plugin with its config; `key`: the plugin's name and the encoded config."""

    __slots__ = ("__weakref__", "key", "plugin")

    def __init__(self, key: _Key, plugin: Any) -> None:
        self.key = key
        self.plugin = plugin


class Chain:
    """Run the plugins of one route; created by `PluginHost.get_chain`.

    `has_log`: at least one plugin has a log phase.
    """

    __slots__ = (
        "__weakref__",
        "_access",
        "_callers",
        "_host",
        "_instances",
        "_kong",
        "_log",
        "_phase",
        "_watchdog",
        "has_log",
    )

    def __init__(self, host: PluginHost, instances: Sequence[_Instance]) -> None:
        self._instances = instances  # keeps them alive: the host has only weak references
        self._host = host
        self._kong = host._kong
        self._phase = host._phase
        self._watchdog = host._watchdog
        self._access = _steps(instances, "access")
        self._log = _steps(instances, "log")
        self.has_log = bool(self._log)
        self._callers: dict[tuple[str, str, str, str], Caller] = {}

    def with_spans(self) -> Chain:
        """Return a chain for sampled calls, which records a span for each access phase."""
        chain = Chain(self._host, self._instances)
        chain._access = tuple(
            (name, _with_span(name, access, self._phase)) for name, access in self._access
        )
        return chain

    def access(self, call: Call) -> Reply | None:
        """Run the access phases; return their reply, or None to admit the call.

        A call is admitted only if a plugin has set the caller (`nv`); this sets `call.caller`.
        """
        phase, watchdog, kong = self._phase, self._watchdog, self._kong
        phase.call = call  # `Phase.begin`, inlined
        shared: dict[str, Any] = {}
        phase.shared = call.shared = shared
        phase.authenticated = ANONYMOUS
        phase.reply = None
        name = ""
        try:
            try:
                phase.thread = get_ident()
                watchdog.running = shared  # the watchdog needs an object unique to this phase
                for name, access in self._access:  # noqa: B007 - read after an exception
                    if access(kong) is not None:
                        raise PdkError("an access phase returns None, or the result of `exit`")
                    if phase.reply is not None:
                        break
            finally:
                watchdog.running = None
                phase.thread = 0
        except BaseException as error:
            watchdog.running = None  # repeat it: the watchdog may have raised within `finally`
            phase.thread = 0
            if phase.reply is None:
                self._host.report_fault(name, "access", error)
                return self._refuse(call, "A plugin failed")
        if phase.reply is not None:
            call.caller = self._find_refused(phase, shared)
            return phase.reply
        # If no plugin has set a caller, `_set_new_caller` refuses the call.
        try:
            call.caller = self._callers[_read_caller(shared["nv"])]
        except (TypeError, KeyError):
            return self._set_new_caller(call, shared)
        return None

    def suspend(self) -> tuple[Any, ...]:
        """Return the state of the running phase, so that the phases of other calls can run."""
        phase, watchdog = self._phase, self._watchdog
        state = phase.call, phase.shared, phase.authenticated, watchdog.running
        watchdog.running = None
        phase.thread = 0
        return state

    def resume(self, state: tuple[Any, ...]) -> None:
        """Continue a phase that `suspend` stopped."""
        phase = self._phase
        phase.call, phase.shared, phase.authenticated, self._watchdog.running = state
        phase.reply = None
        phase.thread = get_ident()

    def log(self, call: Call, reply: Reply) -> None:
        """Run the log phases; faults are counted, but do not change the reply."""
        phase, watchdog = self._phase, self._watchdog
        phase.begin(call, call.shared)
        phase.reply, phase.logging = reply, True
        for name, log in self._log:
            try:
                try:
                    phase.thread = get_ident()
                    watchdog.running = object()
                    log(self._kong)
                finally:
                    watchdog.running = None
                    phase.thread = 0
            except BaseException as error:
                watchdog.running = None
                phase.thread = 0
                self._host.report_fault(name, "log", error)
        phase.logging = False

    def _set_new_caller(self, call: Call, shared: dict[str, Any]) -> Reply | None:
        """Set a caller that is not cached; refuse the call if there is no valid caller."""
        try:
            call.caller = self._create_caller(*_read_caller(unwrap(shared["nv"])))
        except (TypeError, KeyError):
            return self._refuse(call, "Authentication is unavailable")
        return None

    def _find_refused(self, phase: Phase, shared: dict[str, Any]) -> Caller | None:
        """Return the caller of a refused call for its record; None if no plugin has set one."""
        try:
            if "nv" in shared:
                return self._create_caller(*_read_caller(unwrap(shared["nv"])))
            consumer, credential = phase.authenticated
            return self._create_caller(consumer["username"], credential["id"], "", "")
        except (TypeError, KeyError):
            return None

    def _create_caller(self, consumer: str, key_id: str, scopes: str, environment: str) -> Caller:
        values = consumer, key_id, scopes, environment
        if any(type(part) is not str for part in values):
            raise TypeError
        if len(self._callers) >= _CACHE_SIZE:
            self._callers.clear()
        caller = Caller(consumer, key_id, frozenset(scopes.split()), environment)
        self._callers[values] = caller
        return caller

    @staticmethod
    def _refuse(call: Call, what: str) -> Reply:
        return problem(call, 503, f"{what}, retry in a second", headers={"retry-after": "1"})


def _with_span(
    name: str, access: Callable[[Kong], object], phase: Phase
) -> Callable[[Kong], object]:
    def run(kong: Kong) -> object:
        start = time_ns()
        try:
            return access(kong)
        finally:
            parent = phase.call.span
            if parent is not None and parent.buffer is not None:
                span_id, end = getrandbits(64) or 1, time_ns()
                attributes = {"neurova.plugin": name}
                span = Span(
                    span_id, parent.span_id, f"plugin {name}", INTERNAL, start, end, attributes
                )
                parent.buffer.add(parent.trace_id, span)

    return run


def _steps(instances: Sequence[_Instance], phase: str) -> tuple[Step, ...]:
    return tuple(
        (instance.key[0], getattr(instance.plugin, phase))
        for instance in instances
        if hasattr(instance.plugin, phase)
    )
