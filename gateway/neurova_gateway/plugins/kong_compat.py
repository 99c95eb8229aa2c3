"""Patch the stock `kong-python-pluginserver` where it hangs, leaks or lets a call through.

The installed `kong_pdk` and its command line do not change: a plugin file that it runs calls
`install`, or `serve` for a server of its own. docs/plugins.md lists the patches and their reasons.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import socket
import sys
import time
from typing import Any

from neurova.errors import NeurovaError

from .kong_event import Event, Message, PhaseThreads, write_log
from .stores import StoreOpener

MAX_HUNG = 64  # the server exits if more phases hang, and Kong restarts it
_MAX_MESSAGE = 16 * 1024 * 1024


def serve(name: str, plugin: type, version: str, priority: int, schema: list[Any]) -> None:
    """Run one plugin as a dedicated server; the command line is kong_pdk's."""
    from kong_pdk.cli import start_dedicated_server

    start_dedicated_server(name, plugin, version, priority, schema)


def install() -> None:
    """Patch kong_pdk in this process; a second call does nothing."""
    from kong_pdk import listener, server

    if server.PluginServer.handle_event is _handle_event:
        return
    for method, patch in (
        ("start_instance", _start_instance),
        ("handle_event", _handle_event),
        ("step", _step),
        ("step_error", _step_error),
        ("step_multi_map", _step),
        *((f"step_{entity}", _step) for entity in server.entities),
    ):
        setattr(server.PluginServer, method, patch)
    listener.Server.handle = _handle
    stock_serve_forever = listener.UnixStreamServer.serve_forever

    def serve_forever(self: Any) -> None:
        _check_mode(self.ps)
        stock_serve_forever(self)

    listener.UnixStreamServer.serve_forever = serve_forever


def _check_mode(server: Any) -> None:
    """Exit instead of serving in a mode that lets calls through or hangs."""
    if server.lua_style:
        # Every PDK call would return (value, error), a pair that is always true.
        sys.exit("neurova plugins: start the plugin server with --no-lua-style")
    if server.use_multiprocess or server.use_gevent:
        sys.exit("neurova plugins: start the plugin server without -m and -g")


class _State:
    """The state that the patches add to a plugin server."""

    def __init__(self) -> None:
        # Random: after a restart, an id that Kong still has must not match another instance.
        self.instance_ids = itertools.count(secrets.randbits(44))
        self.event_ids = itertools.count(secrets.randbits(44))
        self.threads = PhaseThreads()
        self.stores = StoreOpener()
        self.events: dict[int, Event] = {}


def _state(server: Any) -> _State:
    found: _State = server.__dict__.get("neurova") or server.__dict__.setdefault(
        "neurova", _State()
    )
    return found


def _error(message: str) -> Exception:
    from kong_pdk.exception import PluginServerException

    error: Exception = PluginServerException(message)
    return error


def _start_instance(self: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Create an instance; no lock is held while the plugin opens its stores."""
    name = config["Name"]
    if name not in self.plugins:
        raise _error(f"{name} is not a plugin of this server")
    settings = json.loads(config["Config"])
    try:
        instance = self.plugins[name].new(_state(self).stores.bind(settings))
    except NeurovaError as error:
        raise _error(f"{name}: {error}") from error
    except BaseException as error:
        raise _error(f"{name}: its config is refused: {type(error).__name__}") from error
    instance.config = settings  # the server sends it to Kong, so without the stores
    identity = next(_state(self).instance_ids)
    self.instances[identity] = instance
    return {"Name": name, "Id": identity, "Config": settings, "StartTime": time.time()}


def _handle_event(self: Any, event: dict[str, Any]) -> dict[str, Any]:
    """Run a phase until its first PDK call, without a lock."""
    instance = self.instances.get(event["InstanceId"])
    if instance is None:
        # When Kong receives this message, it starts the instance again.
        raise _error(f"no plugin instance #{event['InstanceId']}")
    state = _state(self)
    started = Event()
    state.threads.run(getattr(instance.cls, event["EventName"]), started)
    return _next_message(state, next(state.event_ids), started)


def _step(self: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _continue(self, data["EventId"], data.get("Data"), None)


def _step_error(self: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _continue(self, data["EventId"], None, str(data.get("Data")))


def _continue(self: Any, identity: int, value: Any, error: str | None) -> dict[str, Any]:
    """Pass Kong's answer to the plugin, and return its next message."""
    state = _state(self)
    event = state.events.get(identity)
    if event is None:
        raise _error(f"event id {identity} not found")
    event.put_answer(value, error)
    return _next_message(state, identity, event)


def _next_message(state: _State, identity: int, event: Event) -> dict[str, Any]:
    message: Message = event.next_message()
    if event.is_over:
        state.events.pop(identity, None)
        if state.threads.hung_count > MAX_HUNG:
            write_log(f"{MAX_HUNG} plugin phases hang: this server exits, Kong restarts it")
            os._exit(70)
    else:
        state.events[identity] = event
    return {"Data": message, "EventId": identity}


def _handle(self: Any, connection: socket.socket, *_: object) -> None:
    """Answer the RPCs of one connection. Arguments contain keys, so they are never logged."""
    import msgpack

    unpacker = msgpack.Unpacker(
        strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=_MAX_MESSAGE
    )
    pack = msgpack.Packer(unicode_errors="surrogateescape").pack
    try:
        while received := connection.recv(65536):
            unpacker.feed(received)
            for _, number, method, arguments in unpacker:
                connection.sendall(pack([1, number, *_call(self.ps, method, arguments)]))
    except OSError:
        pass  # Kong closed the connection; its guard refuses the calls that wait for a reply


def _call(server: Any, method: str, arguments: list[Any]) -> tuple[str | None, Any]:
    """Return the error of an RPC, or its result."""
    namespace, _, command = method.partition(".")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in command).lstrip("_")
    call = getattr(server, name, None) if namespace == "plugin" else None
    if call is None or name.startswith("_"):
        return f"RPC {method} is not supported", None
    try:
        return None, call(*arguments)
    except Exception as error:
        write_log(f"{method}: {error}")
        return str(error) or type(error).__name__, None
