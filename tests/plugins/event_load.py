"""Load a plugin server like a busy Kong: one event at a time on each of several connections."""

from __future__ import annotations

import json
import selectors
import socket
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgpack

from .kong_double import Server

_MANY = frozenset({"kong.request.get_headers", "kong.request.get_query"})


class EventLoad:
    """Run the `access` phase of one plugin instance; `answers` maps PDK calls to Kong's results.

    If there are more connections than concurrent events, each step of an event uses another
    connection.
    """

    def __init__(
        self,
        server: Server,
        name: str,
        config: Mapping[str, Any],
        answers: Mapping[str, Any],
        connections: int = 8,
        at_once: int = 8,
    ) -> None:
        self._answers = answers
        self._at_once = at_once
        self._selector = selectors.DefaultSelector()
        self._connections = [_connect(server) for _ in range(connections)]
        for each in self._connections:
            self._selector.register(each, selectors.EVENT_READ, msgpack.Unpacker())
        start = {"Name": name, "Config": json.dumps(dict(config))}
        first = self._connections[0]
        first.sendall(msgpack.packb([0, 1, "plugin.StartInstance", [start]]))
        _, _, error, made = _read(first)
        assert error is None, error
        begin = {"InstanceId": made["Id"], "EventName": "access"}
        self._begin = msgpack.packb([0, 1, "plugin.HandleEvent", [begin]])

    def run(self, events: int) -> Counter[str]:
        """Run events and count how each of them ended: "ret", a status, or an error."""
        ends: Counter[str] = Counter()
        begun = min(events, self._at_once)
        idle = deque(self._connections)
        for _ in range(begun):
            idle.popleft().sendall(self._begin)
        while ends.total() < events:
            for key, _ in self._selector.select():
                connection: Any = key.fileobj
                key.data.feed(connection.recv(65536))
                for _, _, error, result in key.data:
                    end, answer = self._continue(error, result)
                    if end:
                        ends[end] += 1
                        answer = self._begin if begun < events else b""
                        begun += bool(answer)
                    idle.append(connection)
                    if answer:
                        idle.popleft().sendall(answer)
        return ends

    def close(self) -> None:
        """Close all connections."""
        self._selector.close()
        for each in self._connections:
            each.close()

    def _continue(self, error: str | None, result: Any) -> tuple[str, bytes]:
        if error is not None:
            return error, b""
        data = result["Data"]
        if data == "ret":
            return data, b""
        method = data["Method"]
        if method == "kong.response.exit":
            return str(data["Args"][0]), b""
        step = {"EventId": result["EventId"]}
        if method in self._answers:
            step["Data"] = self._answers[method]
        rpc = "plugin.StepMultiMap" if method in _MANY else "plugin.Step"
        return "", msgpack.packb([0, 1, rpc, [step]])


def _connect(server: Server) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(server.path)
    return connection


def _read(connection: socket.socket) -> Any:
    unpacker = msgpack.Unpacker()
    while True:
        unpacker.feed(connection.recv(65536))
        for message in unpacker:
            return message
