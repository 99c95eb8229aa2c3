"""A double of Kong's proxy, which applies the routes, plugins and upstreams of its entities.

It reads the entities of a double of the Admin API, runs the real plugin servers and the real
Lua of `post-function`, and forwards the admitted requests.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from lupa.luajit21 import LuaRuntime
from tests.plugins.kong_double import ExitedError, Kong, Passing, Request, Server

PRIORITIES = {"cors": 2000, "neurova-auth": 1250, "neurova-rate-limit": 910, "post-function": -1000}
_RESERVED = frozenset(b"!*'();:@&=+$,/?%#[]")
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade"})
Entity = dict[str, Any]


def normalize(path: str) -> str:
    """Return a path normalised like in Kong's router: decoded, without dot segments and `//`."""

    def decode(match: re.Match[str]) -> str:
        number = int(match[1], 16)
        return match[0].upper() if number in _RESERVED else chr(number)

    decoded = re.sub("%([0-9A-Fa-f]{2})", decode, path)
    kept: list[str] = []
    parts = decoded.split("/")
    for part in parts:
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    ends = "/" if parts[-1] in ("", ".", "..") and kept else ""
    return "/" + "/".join(kept) + ends


def choose_route(routes: Mapping[str, Entity], method: str, path: str) -> Entity | None:
    """Return the matching route with the most conditions, then the highest priority."""
    found: list[tuple[tuple[int, bool, int], Entity]] = []
    for route in routes.values():
        (pattern,) = route["paths"]
        is_regex = pattern.startswith("~")
        matches = (
            re.match(pattern[1:].replace("(?<", "(?P<"), path)
            if is_regex
            else path.startswith(pattern)
        )
        if matches and method in (route["methods"] or (method,)):
            weight = bool(route["methods"]) + 1
            rank = route["regex_priority"] if is_regex else len(pattern)
            found.append(((weight, is_regex, rank), route))
    ranks = [rank for rank, _ in found]
    if found and ranks.count(max(ranks)) > 1:
        raise AssertionError(f"Kong may choose any of several routes for {method} {path}")
    return max(found, key=lambda each: each[0])[1] if found else None


class Proxy:
    """Forward requests according to Kong's entities; each plugin has a plugin server."""

    def __init__(
        self,
        entities: Callable[[], dict[str, dict[str, Entity]]],
        servers: Mapping[str, Server],
    ) -> None:
        self.entities = entities
        self._servers = servers

    def plugins_of(self, route: Entity) -> list[Entity]:
        """Return a route's plugins by priority; a plugin of the route overrides its service's."""
        chosen: dict[str, tuple[int, Entity]] = {}
        for plugin in self.entities()["plugins"].values():
            for rank, scope, owner in ((2, "route", route), (1, "service", route["service"])):
                if owner and (plugin[scope] or {}).get("id") == owner["id"]:
                    chosen[plugin["name"]] = max(
                        chosen.get(plugin["name"], (0, plugin)),
                        (rank, plugin),
                        key=lambda each: each[0],
                    )
        found = [plugin for _, plugin in chosen.values()]
        return sorted(found, key=lambda plugin: -PRIORITIES[plugin["name"]])

    def run_plugins(self, kong: Kong, passing: Passing, plugins: list[Entity]) -> None:
        """Run the access phase of all plugins. Raises ExitedError when a plugin has responded."""
        for plugin in plugins:
            name, config = plugin["name"], plugin["config"]
            if name == "cors":
                run_cors(passing, config)
            elif name == "post-function":
                run_lua(passing, config["access"])
            else:
                # If a server does not respond, Kong logs it and continues; the guard then refuses.
                with suppress(OSError, RuntimeError, EOFError):
                    kong.run_plugin(passing, "access", name, config, self._servers[name])

    def target_of(self, route: Entity) -> tuple[str, int]:
        """Return the host and port of the target with the most weight in the route's service."""
        entities = self.entities()
        service = entities["services"][route["service"]["id"]]
        (upstream,) = [
            each for each in entities["upstreams"].values() if each["name"] == service["host"]
        ]
        targets = [
            each
            for each in entities["targets"].values()
            if each["upstream"]["id"] == upstream["id"]
        ]
        host, _, port = max(targets, key=lambda each: each["weight"])["target"].rpartition(":")
        return host, int(port)


def run_cors(passing: Passing, config: Entity) -> None:
    """Behave like Kong's cors plugin with several literal origins."""
    origin = passing.request_get_header("origin")
    passing.reply["vary"] = "Origin"
    if origin in config["origins"]:
        passing.reply["access-control-allow-origin"] = origin
    asks = passing.request_get_header("access-control-request-method")
    if passing.request.method == "OPTIONS" and origin and asks:
        if origin in config["origins"]:
            passing.reply["access-control-allow-methods"] = ",".join(config["methods"])
            passing.reply["access-control-allow-headers"] = ",".join(config["headers"])
            passing.reply["access-control-max-age"] = str(config["max_age"])
        passing.response_exit(200, "")


def run_lua(passing: Passing, functions: list[str]) -> None:
    """Run functions in LuaJIT with the PDK functions that they use."""
    runtime = LuaRuntime(unpack_returned_tuples=True)
    exits: list[tuple[int, Any, Any]] = []
    runtime.execute("kong = {ctx = {shared = {}}, response = {}}")
    kong = runtime.globals().kong
    for name in ("nv", "nv_limit"):
        value = passing.shared.get(name)
        kong.ctx.shared[name] = runtime.table_from(value) if value is not None else None
    kong.response.set_headers = lambda fields: passing.response_set_headers(dict(fields))
    kong.response.exit = lambda status, body, headers: exits.append(
        (status, dict(body), dict(headers))
    )
    for code in functions:
        runtime.execute(code)
        for each in exits:
            passing.response_exit(*each)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: ClassVar[Proxy]

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.kong = Kong(())  # each client connection has its own plugin server connections

    def finish(self) -> None:
        self.kong.close()
        super().finish()

    def handle_call(self) -> None:
        self.target = self.requestline.split(" ")[1]  # http.server strips leading slashes of `path`
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        request = Request(
            self.command, self.target, list(self.headers.items()), self.client_address[0]
        )
        passing = Passing(request)
        route = choose_route(
            self.proxy.entities()["routes"],
            self.command,
            normalize(self.target.partition("?")[0]),
        )
        if route is None:
            self._send(404, {}, b'{"message":"no Route matched with those values"}')
            return
        try:
            self.proxy.run_plugins(self.kong, passing, self.proxy.plugins_of(route))
        except ExitedError:
            verdict = passing.verdict()
            text = json.dumps(verdict.body) if isinstance(verdict.body, dict) else verdict.body
            self._send(verdict.status, verdict.headers, (text or "").encode())
            return
        self._forward(passing, route, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_call

    def _forward(self, passing: Passing, route: Entity, body: bytes) -> None:
        upstream = http.client.HTTPConnection(*self.proxy.target_of(route), timeout=60)
        upstream.putrequest(self.command, self.target, skip_host=True, skip_accept_encoding=True)
        for name, value in passing.fields:
            if name not in _HOP:
                upstream.putheader(name, value.encode("utf-8", "surrogateescape"))
        upstream.endheaders(body)
        response = upstream.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        self._send(response.status, headers | passing.reply, response.read())
        upstream.close()

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name not in _HOP and name != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serve_proxy(proxy: Proxy) -> Iterator[str]:
    """Serve a proxy on loopback until the block ends; yield its URL."""
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
