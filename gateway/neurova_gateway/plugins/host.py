"""Run Kong's plugins in this process: in order, watched, and never past a guard."""

from __future__ import annotations

import sys
from _thread import get_ident
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova.http.problem import problem
from neurova.http.reply import Reply

from ..kong import config
from . import loader as plugin_loader
from .pdk import Kong, PdkError, Phase
from .pdk.context import unwrapped
from .pdk.phase import BY_NOBODY
from .stores import PluginStores
from .watchdog import Watchdog

DEADLINE = 2.0
_REMEMBERED = 4_000

_who = itemgetter("consumer", "key_id", "scopes", "environment")

_Key = tuple[str, bytes]
Step = tuple[str, Callable[[Kong], object]]


def _told(line: str) -> None:
    with suppress(OSError, ValueError):  # a closed stderr must not become a fault of the call
        sys.stderr.write(f"{line}\n")


class PluginHost:
    """Hold the plugins of a folder, and run the phases of one call at a time.

    `stores` are passed to plugins whose Schema has `state`. `deadline`: seconds that the access
    phase, or the log phase, of all plugins of a call may take.
    `tell` gets a line for every fault. `faults` counts them by plugin. All calls come from one
    thread; `start` makes deadlines count and must be called in the main thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stores: PluginStores | None = None,
        deadline: float = DEADLINE,
        tell: Callable[[str], None] = _told,
    ) -> None:
        self.faults: Counter[str] = Counter()
        self._tell = tell
        self._stores = stores
        self._plugins = plugin_loader.load(folder)
        # Weak: what no route uses any more ends with the last call that does.
        self._instances: WeakValueDictionary[_Key, _Instance] = WeakValueDictionary()
        self._chains: WeakValueDictionary[tuple[_Key, ...], Chain] = WeakValueDictionary()
        self._watchdog = Watchdog(deadline)
        self._phase = Phase()
        self._kong = Kong(self._phase)

    def start(self) -> None:
        """Cut phases at their deadline from now on."""
        self._watchdog.start()

    def bind_stores(self, stores: PluginStores) -> None:
        """Pass these stores to all plugins created from now on."""
        self._stores = stores
        self._instances.clear()
        self._chains.clear()

    def stop(self) -> None:
        """Let phases take their time again."""
        self._watchdog.stop()

    def chain(self, plugins: Sequence[config.Plugin]) -> Chain:
        """Return the plugins in order of priority; equal configs share one instance.

        Raises ConfigError for a plugin that is not there or refuses its config.
        """
        keys = tuple(
            sorted(
                (plugin.name, msgspec.json.encode(plugin.config, order="deterministic"))
                for plugin in plugins
            )
        )
        chain = self._chains.get(keys)
        if chain is None:
            instances = [self._instance(key) for key in sorted(keys, key=self._turn)]
            chain = self._chains[keys] = Chain(self, instances)
        return chain

    def _turn(self, key: _Key) -> tuple[int, str]:
        loaded = plugin_loader.named(self._plugins, key[0])
        return -loaded.priority, loaded.name

    def _instance(self, key: _Key) -> _Instance:
        instance = self._instances.get(key)
        if instance is None:
            loaded = plugin_loader.named(self._plugins, key[0])
            # Decoded anew, as Kong hands it over: a plugin may do with it what it likes.
            plugin = loaded.instance(msgspec.json.decode(key[1]), self._stores)
            instance = self._instances[key] = _Instance(key, plugin)
        return instance

    def fault(self, name: str, phase: str, error: BaseException) -> None:
        """Count a plugin's fault and tell of it, without values: they may hold a key."""
        self.faults[name] += 1
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        self._tell(f"plugin {name}: {phase} ended in {type(error).__name__}{where}")


class _Instance:
    """A plugin with one config; its `key` is the plugin's name and that config."""

    __slots__ = ("__weakref__", "key", "plugin")

    def __init__(self, key: _Key, plugin: Any) -> None:
        self.key = key
        self.plugin = plugin


class Chain:
    """Run the plugins of one route; made by `PluginHost.chain`. `logs`: one has a log phase."""

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
        "logs",
    )

    def __init__(self, host: PluginHost, instances: Sequence[_Instance]) -> None:
        self._instances = instances  # held: the host does not
        self._host = host
        self._kong = host._kong
        self._phase = host._phase
        self._watchdog = host._watchdog
        self._access = _steps(instances, "access")
        self._log = _steps(instances, "log")
        self.logs = bool(self._log)
        self._callers: dict[tuple[str, str, str, str], Caller] = {}

    def access(self, call: Call) -> Reply | None:
        """Let the plugins judge a call: None, with `call.caller` set, or what answers it.

        Whatever a plugin does, no call passes unless one of them stated the caller (`nv`).
        """
        phase, watchdog, kong = self._phase, self._watchdog, self._kong
        phase.call = call  # as `Phase.begin`, without its call
        shared: dict[str, Any] = {}
        phase.shared = call.shared = shared
        phase.authenticated = BY_NOBODY
        phase.reply = None
        name = ""
        try:
            try:
                phase.thread = get_ident()
                watchdog.running = shared  # as good a mark as any: each phase has its own
                for name, access in self._access:  # noqa: B007 - read when it raises
                    if access(kong) is not None:
                        raise PdkError("an access phase returns nothing, or what `exit` gives")
                    if phase.reply is not None:
                        break
            finally:
                watchdog.running = None
                phase.thread = 0
        except BaseException as error:
            watchdog.running = None  # a cut in `finally` may have come before it
            phase.thread = 0
            if phase.reply is None:
                self._host.fault(name, "access", error)
                return self._refused(call, "A plugin failed")
        if phase.reply is not None:
            return phase.reply
        # Silence opens nothing: a caller has to be stated.
        try:
            call.caller = self._callers[_who(shared["nv"])]
        except (TypeError, KeyError):
            return self._guarded(call, shared)
        return None

    def log(self, call: Call, reply: Reply) -> None:
        """Let the plugins see what was answered; their faults are counted and change nothing."""
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
                self._host.fault(name, "log", error)
        phase.logging = False

    def _guarded(self, call: Call, shared: dict[str, Any]) -> Reply | None:
        """Set a caller that is not known yet, or refuse."""
        try:
            call.caller = self._stated(*_who(unwrapped(shared["nv"])))
        except (TypeError, KeyError):
            return self._refused(call, "Authentication is unavailable")
        return None

    def _stated(self, consumer: str, key_id: str, scopes: str, environment: str) -> Caller:
        who = consumer, key_id, scopes, environment
        if any(type(part) is not str for part in who):
            raise TypeError
        if len(self._callers) >= _REMEMBERED:
            self._callers.clear()
        caller = Caller(consumer, key_id, frozenset(scopes.split()), environment)
        self._callers[who] = caller
        return caller

    @staticmethod
    def _refused(call: Call, why: str) -> Reply:
        return problem(call, 503, f"{why}: try again in a second", headers={"retry-after": "1"})


def _steps(instances: Sequence[_Instance], phase: str) -> tuple[Step, ...]:
    return tuple(
        (instance.key[0], getattr(instance.plugin, phase))
        for instance in instances
        if hasattr(instance.plugin, phase)
    )
