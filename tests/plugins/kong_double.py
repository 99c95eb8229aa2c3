"""A double of Kong that implements the plugin server protocol and our guard.

It has no nginx, routing or upstream. For a request that passes, `send` returns a `Verdict` with
status 200 and the header fields that the upstream would receive.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

READ_SECONDS = 2.0
START_SECONDS = 30.0

Pairs = list[tuple[str, str]]


@dataclass
class Request:
    """One request; header text is UTF-8, with invalid bytes as surrogates."""

    method: str = "GET"
    target: str = "/"
    fields: Pairs = field(default_factory=list)
    client: str = "127.0.0.1"


@dataclass
class Verdict:
    """The outcome of a request: response headers, upstream fields, shared.nv, PDK calls."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    upstream: dict[str, list[str]] = field(default_factory=dict)
    nv: Any = None
    calls: list[str] = field(default_factory=list)


class LuaError(Exception):
    """Kong rejected a PDK call, so the request ends with 500."""


class ExitedError(Exception):
    """A plugin has ended the request with a response."""


class Server:
    """A real plugin server in a separate process."""

    def __init__(self, command: Sequence[str], prefix: Path, name: str) -> None:
        self._command = [sys.executable, *command]
        self._log = prefix / f"{name}.log"
        self._arguments = ["-p", str(prefix), "--socket-name", f"{name}.sock", "--no-lua-style"]
        self.path = str(prefix / f"{name}.sock")
        self.instances: dict[tuple[str, str], int] = {}
        self.start()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        Path(self.path).unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *self._arguments], stdout=log, stderr=log
            )
        end = time.monotonic() + START_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"plugin server did not start:\n{self.log()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server; inside `supervised` it restarts."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Restart the server whenever it ends, as Kong does, until the block ends."""
        ending, starting = threading.Event(), threading.Lock()

        def restart() -> None:
            while True:
                self._process.wait()
                with starting, suppress(AssertionError):  # it was killed during its start
                    if ending.is_set():
                        return
                    self.start()

        thread = threading.Thread(target=restart)
        thread.start()
        try:
            yield
        finally:
            with starting:
                ending.set()
                self.kill()
            thread.join()

    def wait(self) -> int:
        """Wait until the server has exited, and return its exit code."""
        return self._process.wait(START_SECONDS)

    def log(self) -> str:
        """Return the log of the server."""
        return self._log.read_text(errors="replace")

    def _accepts(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.path)
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        """Return the process id of the server."""
        return self._process.pid

    @property
    def threads(self) -> int:
        """Return the number of the server's threads."""
        return len(os.listdir(f"/proc/{self._process.pid}/task"))


class Kong:
    """Send requests through plugins, each given as (priority, name, config, server)."""

    def __init__(self, plugins: Sequence[tuple[int, str, dict[str, Any], Server]]) -> None:
        self._plugins = sorted(plugins, key=lambda plugin: -plugin[0])
        self._number = 0
        self._pool: dict[str, list[socket.socket]] = {}
        self.errors: list[str] = []

    def close(self) -> None:
        """Close all connections."""
        for connections in self._pool.values():
            for connection in connections:
                connection.close()

    def send(self, request: Request, phase: str = "access") -> Verdict:
        """Return the verdict on a request."""
        passing = Passing(request)
        try:
            for _, name, config, server in self._plugins:
                try:
                    self.run_plugin(passing, phase, name, config, server)
                except (OSError, RuntimeError, EOFError) as error:
                    self.errors.append(f"{name}: {error}")  # Kong logs the error and continues
            passing.guard(any(config.get("guarded") for _, _, config, _ in self._plugins))
        except ExitedError:
            pass
        except LuaError as error:
            return Verdict(500, str(error), calls=passing.calls)
        return passing.verdict()

    def run_plugin(
        self, passing: Passing, phase: str, name: str, config: dict[str, Any], server: Server
    ) -> None:
        text = json.dumps(config | {"__plugin_id": "1", "__seq__": 1, "route_id": "r"})
        for _ in range(2):
            identity = server.instances.get((name, text))
            if identity is None:
                made = self._rpc(server, "StartInstance", {"Name": name, "Config": text})
                identity = server.instances[name, text] = made["Id"]
            begin = {"InstanceId": identity, "EventName": phase}
            try:
                step = self._rpc(server, "HandleEvent", begin)
                break
            except RuntimeError as error:
                if "no plugin instance" not in str(error):
                    raise
                server.instances.pop((name, text), None)
        else:
            raise RuntimeError("the plugin server was replaced again")
        while step["Data"] != "ret":
            method, arguments = step["Data"]["Method"], step["Data"]["Args"]
            value = passing.pdk(method, arguments)
            many = method in ("kong.request.get_headers", "kong.request.get_query")
            answer = {"EventId": step["EventId"]} | ({} if value is None else {"Data": value})
            step = self._rpc(server, "StepMultiMap" if many else "Step", answer)

    def _rpc(self, server: Server, method: str, argument: Any) -> Any:
        connections = self._pool.setdefault(server.path, [])
        pooled = bool(connections)
        connection = connections.pop() if pooled else socket.socket(socket.AF_UNIX)
        self._number += 1
        message = [0, self._number, f"plugin.{method}", [argument]]
        try:
            if not pooled:
                connection.settimeout(READ_SECONDS)
                connection.connect(server.path)
            connection.sendall(msgpack.packb(message, unicode_errors="surrogateescape"))
            kind, number, error, result = _read(connection)
        except (OSError, EOFError):
            connection.close()
            raise
        assert (kind, number) == (1, self._number)
        connections.append(connection)
        if error is not None:
            raise RuntimeError(error)
        return result


def _read(connection: socket.socket) -> list[Any]:
    unpacker = msgpack.Unpacker(unicode_errors="surrogateescape", strict_map_key=False)
    while True:
        received = connection.recv(4096)
        if not received:
            raise EOFError("no data")
        unpacker.feed(received)
        for message in unpacker:
            return list(message)


class Passing:
    """A request in progress, with the PDK functions that Kong implements in Lua."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.fields = [(name.lower(), value) for name, value in request.fields]
        self.shared: dict[str, Any] = {}
        self.reply: dict[str, str] = {}
        self.exited: tuple[int, Any] | None = None
        self.calls: list[str] = []

    def pdk(self, method: str, arguments: list[Any]) -> Any:
        """Run one PDK call; an unknown call returns nil, as in Kong."""
        self.calls.append(method)
        call = getattr(self, method.removeprefix("kong.").replace(".", "_"), None)
        if call is None:
            return None
        # As in Lua, arguments after a nil are dropped.
        passed = arguments[: arguments.index(None)] if None in arguments else arguments
        try:
            return call(*passed)
        except (TypeError, AttributeError, ValueError) as error:
            raise LuaError(f"{method}: {error}") from error

    def guard(self, is_limited: bool) -> None:
        """Refuse a request if auth has not set its caller or the limiter has not counted it."""
        nv = self.shared.get("nv")
        stated = isinstance(nv, dict) and all(
            isinstance(nv.get(name), str)
            for name in ("consumer", "key_id", "scopes", "environment")
        )
        if not stated:
            self.response_exit(503, {"title": "authentication is unavailable"})
        if is_limited and "nv_limit" not in self.shared:
            self.response_exit(503, {"title": "rate limiting is unavailable"})
        self.response_set_headers(dict(self.shared.get("nv_limit") or {}))

    def verdict(self) -> Verdict:
        status, body = self.exited or (200, None)
        upstream: dict[str, list[str]] = {}
        for name, value in self.fields:
            upstream.setdefault(name, []).append(value)
        return Verdict(status, body, self.reply, upstream, self.shared.get("nv"), self.calls)

    def request_get_headers(self, most: int = 100) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.fields[:most]:
            found.setdefault(name, []).append(value)
        return found

    def request_get_header(self, name: str) -> str | None:
        wanted = name.lower().replace("_", "-")
        return next((value for key, value in self.fields if key == wanted), None)

    def request_get_method(self) -> str:
        return self.request.method

    def nginx_get_var(self, name: str) -> str | None:
        request = self.request
        return f"{request.method} {request.target} HTTP/1.1" if name == "request" else None

    def client_get_forwarded_ip(self) -> str:
        return self.request.client

    def client_authenticate(self, consumer: Any, credential: Any = None) -> None:
        if not isinstance(consumer, dict) and not isinstance(credential, dict):
            raise TypeError("consumer or credential must be a table")

    def ctx_shared_get(self, key: str) -> Any:
        return self.shared.get(key)

    def ctx_shared_set(self, key: str, value: Any = None) -> None:
        self.shared[key] = value

    def service_request_set_headers(self, headers: dict[str, Any]) -> None:
        for name, value in headers.items():
            self.service_request_clear_header(name)
            self.fields.append((name.lower(), _text(value)))

    def service_request_clear_header(self, name: str) -> None:
        self.fields = [one for one in self.fields if one[0] != name.lower()]

    def response_set_headers(self, headers: dict[str, Any]) -> None:
        self.reply.update({name.lower(): _text(value) for name, value in headers.items()})

    def response_get_status(self) -> int:
        return self.exited[0] if self.exited else 200

    def response_exit(self, status: int, body: Any = None, headers: Any = None) -> None:
        if type(status) is not int or not 100 <= status <= 599:
            raise TypeError("code must be a number between 100 and 599")
        self.response_set_headers(headers or {})
        if isinstance(body, dict):
            self.reply.setdefault("content-type", "application/json")
        self.exited = status, body
        raise ExitedError


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str | int | float):
        raise TypeError("header values are text or numbers")
    return str(value)
