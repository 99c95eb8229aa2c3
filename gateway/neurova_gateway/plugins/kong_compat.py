"""Mend the stock `kong-python-pluginserver` where it hangs, leaks or lets a call through.

`kong_pdk` stays as it is installed and so does its command line; a plugin file that it runs calls
`install`, or `serve` as a server of its own. What is mended, and why, is on the plugins page.
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

from .kong_event import Event, Message, Threads, tell
from .stores import StoreOpener

# So many plugins at once that do not return: the process is of no more use.
HUNG = 64
_LARGEST = 16 * 1024 * 1024


def serve(name: str, plugin: type, version: str, priority: int, schema: list[Any]) -> None:
    """Run one plugin as a dedicated server; the command line is kong_pdk's."""
    from kong_pdk.cli import start_dedicated_server

    start_dedicated_server(name, plugin, version, priority, schema)


def install() -> None:
    """Mend kong_pdk in this process; doing it twice changes nothing."""
    from kong_pdk import listener, server

    if server.PluginServer.handle_event is _handle_event:
        return
    for method, mended in (
        ("start_instance", _start_instance),
        ("handle_event", _handle_event),
        ("step", _step),
        ("step_error", _step_error),
        ("step_multi_map", _step),
        *((f"step_{entity}", _step) for entity in server.entities),
    ):
        setattr(server.PluginServer, method, mended)
    listener.Server.handle = _handle
    stock = listener.UnixStreamServer.serve_forever

    def serve_forever(self: Any) -> None:
        _check(self.ps)
        stock(self)

    listener.UnixStreamServer.serve_forever = serve_forever


def _check(server: Any) -> None:
    """End the process rather than serve in a mode that lets calls through or hangs."""
    if server.lua_style:
        # Every PDK call would give (value, error): a pair is true, whatever it says.
        sys.exit("neurova plugins: start the plugin server with --no-lua-style")
    if server.use_multiprocess or server.use_gevent:
        sys.exit("neurova plugins: start the plugin server without -m and -g")


class _State:
    """Hold what one plugin server needs beside its own attributes."""

    def __init__(self) -> None:
        # Random: after a restart an id of before must not name another route's instance.
        self.instance_ids = itertools.count(secrets.randbits(44))
        self.event_ids = itertools.count(secrets.randbits(44))
        self.threads = Threads()
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
    """Make an instance, holding no lock while the plugin opens its stores."""
    name = config["Name"]
    if name not in self.plugins:
        raise _error(f"{name} is not a plugin of this server")
    settings = json.loads(config["Config"])
    try:
        made = self.plugins[name].new(_state(self).stores.bind(settings))
    except NeurovaError as error:
        raise _error(f"{name}: {error}") from error
    except BaseException as error:
        raise _error(f"{name}: its config is refused: {type(error).__name__}") from error
    made.config = settings  # without the stores: Kong is sent it when the instance is closed
    identity = next(_state(self).instance_ids)
    self.instances[identity] = made
    return {"Name": name, "Id": identity, "Config": settings, "StartTime": time.time()}


def _handle_event(self: Any, event: dict[str, Any]) -> dict[str, Any]:
    """Run a phase up to its first PDK call, under no lock."""
    instance = self.instances.get(event["InstanceId"])
    if instance is None:
        # Kong looks for these words, and makes the instance again.
        raise _error(f"no plugin instance #{event['InstanceId']}")
    state = _state(self)
    begun = Event()
    state.threads.run(getattr(instance.cls, event["EventName"]), begun)
    return _answer(state, next(state.event_ids), begun)


def _step(self: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _stepped(self, data["EventId"], data.get("Data"), None)


def _step_error(self: Any, data: dict[str, Any]) -> dict[str, Any]:
    return _stepped(self, data["EventId"], None, str(data.get("Data")))


def _stepped(self: Any, identity: int, value: Any, error: str | None) -> dict[str, Any]:
    """Hand Kong's answer to the plugin, and return what it asks next."""
    state = _state(self)
    event = state.events.get(identity)
    if event is None:
        raise _error(f"event id {identity} not found")
    event.answered(value, error)
    return _answer(state, identity, event)


def _answer(state: _State, identity: int, event: Event) -> dict[str, Any]:
    message: Message = event.next()
    if event.over:
        state.events.pop(identity, None)
        if state.threads.hung > HUNG:
            # Kong starts a server that is gone within half a second.
            tell(f"{HUNG} calls hang in plugins: this server ends, for Kong to start it anew")
            os._exit(70)
    else:
        state.events[identity] = event
    return {"Data": message, "EventId": identity}


def _handle(self: Any, connection: socket.socket, *_: object) -> None:
    """Answer the RPCs of one connection; arguments are never logged, as they hold keys."""
    import msgpack

    unpacker = msgpack.Unpacker(
        strict_map_key=False, unicode_errors="surrogateescape", max_buffer_size=_LARGEST
    )
    pack = msgpack.Packer(unicode_errors="surrogateescape").pack
    try:
        while received := connection.recv(65536):
            unpacker.feed(received)
            for _, number, method, arguments in unpacker:
                connection.sendall(pack([1, number, *_called(self.ps, method, arguments)]))
    except OSError:
        pass  # Kong has closed the connection; a call that waits there is refused by its guard


def _called(server: Any, method: str, arguments: list[Any]) -> tuple[str | None, Any]:
    """Return an RPC's error, or its result."""
    namespace, _, command = method.partition(".")
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in command).lstrip("_")
    call = getattr(server, name, None) if namespace == "plugin" else None
    if call is None or name.startswith("_"):
        return f"RPC {method} is not supported", None
    try:
        return None, call(*arguments)
    except Exception as error:
        tell(f"{method}: {error}")
        return str(error) or type(error).__name__, None
