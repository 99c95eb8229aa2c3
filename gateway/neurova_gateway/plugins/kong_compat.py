"""Patch the stock `kong-python-pluginserver` where it hangs, leaks or lets a call through.

The installed `kong_pdk` package and its command line stay unchanged: a plugin file calls `install`
when kong_pdk loads it, or `serve` to run as a dedicated server. docs/plugins.md lists the patches
and their reasons.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import socket
import sys
import threading
import time
from typing import Any

from neurova.errors import NeurovaError

from . import kong_event
from .kong_connection import Connection, Rpc
from .kong_event import FAILED, RETURNED, Event, Threads, write_log
from .pdk import Exit
from .stores import StoreOpener

MAX_HUNG = 64  # the server exits if more phases hang, and Kong restarts it
_WATCH_SECONDS = 0.1
_STALLED_SECONDS = 0.5


def serve(name: str, plugin: type, version: str, priority: int, schema: list[Any]) -> None:
    """Run one plugin as a dedicated server, with the command line of kong_pdk."""
    from kong_pdk.cli import start_dedicated_server

    start_dedicated_server(name, plugin, version, priority, schema)


def install() -> None:
    """Patch kong_pdk in this process; a second call does nothing."""
    from kong_pdk import listener, server

    if listener.Server.handle is _handle:
        return
    server.PluginServer.start_instance = _start_instance
    listener.Server.handle = _handle
    stock_serve_forever = listener.UnixStreamServer.serve_forever

    def serve_forever(self: Any) -> None:
        _check_mode(self.ps)
        self.ps.neurova = _State(self.ps)
        stock_serve_forever(self)

    listener.UnixStreamServer.serve_forever = serve_forever


def _check_mode(server: Any) -> None:
    """Exit if the server runs in a mode in which it hangs or lets calls through."""
    if server.lua_style:
        # In Lua style, each PDK call returns (value, error): a tuple, which is always true.
        sys.exit("neurova plugins: start the plugin server with --no-lua-style")
    if server.use_multiprocess or server.use_gevent:
        sys.exit("neurova plugins: start the plugin server without -m and -g")


def _error(message: str) -> Exception:
    from kong_pdk.exception import PluginServerException

    error: Exception = PluginServerException(message)
    return error


def _start_instance(self: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Create an instance, without holding a lock while the plugin opens its stores."""
    name = config["Name"]
    if name not in self.plugins:
        raise _error(f"{name} is not a plugin of this server")
    settings = json.loads(config["Config"])
    state: _State = self.neurova
    try:
        instance = self.plugins[name].new(state.stores.bind(settings))
    except NeurovaError as error:
        raise _error(f"{name}: {error}") from error
    except BaseException as error:
        raise _error(f"{name}: its config is refused: {type(error).__name__}") from error
    instance.config = settings  # without the stores, because the server sends it to Kong
    identity = next(state.instance_ids)
    self.instances[identity] = instance
    return {"Name": name, "Id": identity, "Config": settings, "StartTime": time.time()}


def _handle(self: Any, connection: socket.socket, *_: object) -> None:
    """Serve a connection until it ends; the stock server closes it afterwards."""
    state: _State = self.ps.neurova
    served = Connection(connection)
    state.serve(served, None)
    served.wait_until_closed()


class _State:
    """The RPC handlers, threads and running phases of a plugin server."""

    def __init__(self, server: Any) -> None:
        # Start at a random id: after a restart, an old id in Kong must not match a new instance.
        self.instance_ids = itertools.count(secrets.randbits(44))
        self.stores = StoreOpener()
        self._server = server
        self._event_ids = itertools.count(secrets.randbits(44))
        self._threads = Threads()
        self._events: dict[int, Event] = {}
        threading.Thread(target=self._watch, name="phase-deadlines", daemon=True).start()

    def serve(self, connection: Connection, rpc: Rpc | None) -> None:
        """Serve the RPCs of a connection in another thread; `rpc`: an RPC that was already read."""
        self._threads.run(lambda: self._serve(connection, rpc))

    def _serve(self, connection: Connection, rpc: Rpc | None) -> None:
        while True:
            rpc = rpc or connection.receive()
            if rpc is None:
                connection.close()
                return
            if not self._answer(connection, rpc):
                return
            rpc = None

    def _answer(self, connection: Connection, rpc: Rpc) -> bool:
        """Answer an RPC; return whether this thread still reads the connection."""
        try:
            if rpc.method == "plugin.HandleEvent":
                return self._run_phase(connection, rpc.arguments[0])
            if rpc.event is not None:
                event = self._events.get(rpc.event)
                if event is None or event.is_over:
                    raise _error(f"event id {rpc.event} not found")
                event.put_answer(rpc, connection)
                return True
            result = self._find(rpc.method)(*rpc.arguments)
        except Exception as error:
            # Arguments contain keys, so they are never logged.
            write_log(f"{rpc.method}: {error}")
            connection.reply(None, str(error) or type(error).__name__)
            return True
        connection.reply(result)
        return True

    def _find(self, method: str) -> Any:
        namespace, _, command = method.partition(".")
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in command).lstrip("_")
        call = getattr(self._server, name, None) if namespace == "plugin" else None
        if call is None or name.startswith("_"):
            raise _error(f"RPC {method} is not supported")
        return call

    def _run_phase(self, connection: Connection, begin: dict[str, Any]) -> bool:
        from kong_pdk.pdk import FakeClasses

        instance = self._server.instances.get(begin["InstanceId"])
        if instance is None:
            # When Kong receives this message, it starts the instance again.
            raise _error(f"no plugin instance #{begin['InstanceId']}")
        phase = getattr(instance.cls, begin["EventName"])
        event = Event(next(self._event_ids), connection, self.serve)
        self._events[event.id] = event
        try:
            returned = phase(FakeClasses("kong", event.call))
            # `access` must return None, as in the embedded gateway.
            is_fault = returned is not None and begin["EventName"] == "access"
            event.end(FAILED if is_fault else RETURNED)
        except Exit:
            pass
        except BaseException as error:
            write_log(f"a plugin phase raised {type(error).__name__}")
            event.end(FAILED)
        finally:
            del self._events[event.id]
        return event.reads

    def _watch(self) -> None:
        """Answer Kong for phases that hang."""
        while True:
            begun = time.monotonic()
            time.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            if now - begun > _STALLED_SECONDS:
                continue  # the process was suspended, so phases may just be late
            latest = now - kong_event.PHASE_SECONDS
            events = tuple(self._events.values())
            if sum(event.is_late for event in events) > MAX_HUNG:
                write_log(f"{MAX_HUNG} plugin phases hang: this server exits, Kong restarts it")
                os._exit(70)
            for event in events:
                if event.since < latest and event.expire():
                    write_log("a plugin phase exceeded its deadline: the call was refused")
