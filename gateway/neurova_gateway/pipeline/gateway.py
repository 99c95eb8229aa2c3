"""The core: what happens to a call between a door and its function."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from time import perf_counter, time
from typing import Any, Protocol

from neurova.execution.replies import unavailable
from neurova.http import trace_context as trace
from neurova.http.call import Call
from neurova.http.caller import Caller
from neurova.http.problem import problem
from neurova.http.reply import Reply
from neurova.overload.cost import Cost
from neurova.overload.queue_delay import DELAY
from neurova.settings import gateway as settings

from ..kong.config import GatewayConfig, Plugin
from ..kong.render import template
from ..plugins.host import Chain, PluginHost
from . import health
from .admission import Admission
from .call_records import CallRecords
from .compression import Compression
from .cors import Cors
from .identity import HEADER as IDENTITY_HEADER
from .path import BadPath
from .routes import RouteTable

AUTH = "neurova-auth"
REMEMBERED = 256
CROWDED = "There are more calls than can be served: try again."
VERSIONS = frozenset(["1.1", "1.0", "2", "3"])  # the later ones only by ASGI, from other servers
Step = Callable[[Call], Reply | None]
Invoke = Callable[[Call], Reply | Awaitable[Reply]]
Pack = Callable[[Call, Reply], Reply | Awaitable[Reply]]

# RFC 9110, 7.2 and RFC 3986, 3.2.2, without what no name that we could be called by has.
_HOST = re.compile(rb"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_FRAMING = frozenset([b"transfer-encoding", b"upgrade", b"expect"])
_IDENTITY = IDENTITY_HEADER.lower().encode()


class Endpoint(Protocol):
    """A function that can be called."""

    @property
    def invoke(self) -> Invoke:
        """Return what answers a call; it never raises."""

    @property
    def cost(self) -> Cost:
        """Return what a call costs the event loop, as far as is known."""

    @property
    def waits(self) -> bool:
        """Tell whether calls are answered later; it then counts their cost itself."""


class Entry:
    """A route, ready: its plugins' chain (None: they run in Kong) and its function."""

    __slots__ = ("chain", "cost", "invoke", "log", "name", "public", "scopes", "waits")

    def __init__(
        self, name: str, chain: Chain | None, endpoint: Endpoint, plugins: list[Plugin]
    ) -> None:
        self.name = name
        self.chain = chain
        self.log = chain.log if chain is not None and chain.logs else None
        self.invoke: Invoke = endpoint.invoke
        self.cost, self.waits = endpoint.cost, endpoint.waits
        rights = next((plugin.config for plugin in plugins if plugin.name == AUTH), {})
        self.public = chain is OPEN or rights.get("public", False)
        self.scopes = frozenset(rights.get("scopes", ()))

    def metered(self) -> Entry:
        """Return the same route, that notes what a call costs which is answered at once."""
        invoke, cost = self.invoke, self.cost

        def counted(call: Call) -> Reply | Awaitable[Reply]:
            began = perf_counter()
            reply = invoke(call)
            if isinstance(reply, Reply) and reply.status < 400:  # a refusal is no measure
                cost.took(perf_counter() - began)
            return reply

        twin = copy(self)
        twin.invoke = counted
        return twin


class _Open:
    """No plugins at all."""

    logs = False

    def access(self, call: Call) -> None:
        """Let a call in."""


OPEN: Any = _Open()


class Gateway:
    """Take calls from the doors, by one visible way: `admit`, `invoke`, `done`.

    `use` gives it routes, and new ones at any time: a call keeps those it was admitted by.
    `verify` (a runtime behind Kong): gives the caller that the signed identity of a call names, or
    the refusal; the plugins then run in Kong, not here. `delay`: the seconds that a call may wait
    for its turn when there are more than can be served.
    """

    def __init__(
        self,
        options: settings.Gateway,
        host: PluginHost,
        records: CallRecords,
        verify: Callable[[Call], Caller | Reply] | None = None,
        delay: float = DELAY,
    ) -> None:
        self.options = options
        self.compress: Pack = Compression() if options.compress else _as_it_is
        self.admission = Admission(delay)
        self.health = health.Health()
        self._digits = len(str(options.max_body))
        self._host = host
        self._records = records
        self._verify = verify
        self._table: RouteTable[Entry] = RouteTable(())
        self._cors: Cors | None = None
        self._hosts = frozenset(name.encode() for name in options.hosts)
        self._known_hosts: set[bytes] = set()
        self._proxies = tuple(ip_network(network) for network in options.trusted_proxies)
        self._way = self.way()

    def way(self) -> tuple[Step, ...]:
        """Return the steps of `admit`, in order; the first that replies ends it."""
        steps: list[Step] = [self.begin]
        if self._proxies:
            steps.append(self.client_address)
        if self._verify is not None:
            steps.append(self.identity)
        steps += [self.framing, self.host]
        if self._cors is not None:
            steps.append(self._cors)
        steps.append(self.route)
        steps.append(self.plugins if self._verify is None else self.rights)
        return tuple(steps)

    def use(self, config: GatewayConfig, endpoints: Mapping[str, Endpoint]) -> None:
        """Serve `config` from now on; `endpoints` by route name. All is made, then swapped."""
        by_route: dict[str, list[Plugin]] = {}
        everywhere: list[Plugin] = []
        for plugin in config.plugins:
            if plugin.route is None:
                everywhere.append(plugin)
            else:
                by_route.setdefault(plugin.route, []).append(plugin)
        hosted = [plugin for plugin in everywhere if plugin.name != "cors"]
        asked = Entry("", OPEN, self.health, [])
        rows = [(method, health.PATH, asked) for method in health.METHODS]
        for route in config.routes:
            plugins = [*hosted, *by_route.get(route.name, ())]
            chain = self._host.chain(plugins) if self._verify is None else None
            entry = Entry(route.name, chain, endpoints[route.name], plugins)
            rows += [
                (method, template(path), entry) for path in route.paths for method in route.methods
            ]
        cors = [Cors(plugin.config) for plugin in everywhere if plugin.name == "cors"]
        table = RouteTable(rows)
        self._table, self._cors = table, cors[0] if cors else None
        self._way = self.way()

    def admit(self, call: Call) -> Reply | None:
        """Return the refusal of a call whose head is here, or None: its body may come."""
        for step in self._way:
            reply = step(call)
            if reply is not None:
                return reply
        return None

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Run the function of a call that was admitted and whose body is complete."""
        return call.route.invoke(call)  # type: ignore[no-any-return]  # Call.route is an Entry here

    def done(self, call: Call, reply: Reply, status: int = 0, *, size: int | None = None) -> None:
        """Note a call whose reply was sent; `status` 499 for a client that left before.

        `size`: the bytes of a body that was sent piece by piece.
        """
        entry = call.route
        if entry is not None and entry.log is not None:
            entry.log(call, reply)
        self._records.add(call, status or reply.status, len(reply.body) if size is None else size)

    # The steps.

    def begin(self, call: Call) -> Reply | None:
        """Start clock and trace; drop what only a gateway may say."""
        call.started = time()
        trace.begin(call)
        if _IDENTITY in call.heads and self._verify is None:
            call.fields = [field for field in call.fields if field[0] != _IDENTITY]
            del call.heads[_IDENTITY]
        return None

    def client_address(self, call: Call) -> Reply | None:
        """Believe X-Forwarded-For as far as it was written by trusted proxies."""
        hops = [
            hop.strip()
            for name, value in call.fields
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        while hops and _within(call.client, self._proxies):
            hop = hops.pop()
            if not _is_address(hop):
                break
            call.client = hop
        return None

    def identity(self, call: Call) -> Reply | None:
        """Take only calls that the gateway in front signed."""
        if self._verify is None or call.raw_path == health.OCTETS:
            return None
        found = self._verify(call)
        if isinstance(found, Reply):
            return found
        call.caller = found
        return None

    def framing(self, call: Call) -> Reply | None:
        """Refuse a message that its head alone condemns."""
        heads = call.heads
        if call.version not in VERSIONS:
            return problem(call, 505, "this server speaks HTTP/1.1")
        length = heads.get(b"content-length")
        if length is not None and not (
            # Fewer digits than the limit's: no need to look at the number.
            length.isdigit() and (len(length) < self._digits or self._fits(length))
        ):
            return problem(call, 413, f"the body is over {self.options.max_body} bytes")
        return None if _FRAMING.isdisjoint(heads) else self._framed(call)

    def _fits(self, length: bytes) -> bool:
        return len(length) < 20 and int(length) <= self.options.max_body

    def _framed(self, call: Call) -> Reply | None:
        heads = call.heads
        if b"transfer-encoding" in heads and heads[b"transfer-encoding"].lower() != b"chunked":
            return problem(call, 501, "the only transfer coding known here is chunked")
        if b"upgrade" in heads and heads[b"upgrade"].strip().lower() == b"websocket":
            return problem(call, 501, "WebSocket is not served here")
        if b"expect" in heads and heads[b"expect"].lower() != b"100-continue":
            return problem(call, 417, "the only expectation that is met is 100-continue")
        return None

    def host(self, call: Call) -> Reply | None:
        """Ask for exactly one sound Host (RFC 9112, 3.2), and one of ours if hosts are named."""
        heads = call.heads
        value = heads.get(b"host")
        if len(heads) != len(call.fields) and _repeats(call, b"host"):
            return problem(call, 400, "send exactly one Host field: there are two")
        if value in self._known_hosts:
            return None
        if value is None or not _HOST.fullmatch(value):
            return problem(call, 400, "send exactly one Host field that names a host")
        if call.raw_path == health.OCTETS:  # who asks knows an address, and no name
            return None
        if self._hosts and _name(value) not in self._hosts:
            return problem(call, 421, "this server does not answer for that Host")
        if len(self._known_hosts) < REMEMBERED:
            self._known_hosts.add(value)
        return None

    def route(self, call: Call) -> Reply | None:
        """Find the function of the path."""
        try:
            call.route, call.params, allowed = self._table.find(call.method, call.raw_path)
        except BadPath as error:
            return problem(call, 400, str(error))
        return self._no_route(call, allowed) if call.route is None else None

    def _no_route(self, call: Call, allowed: Sequence[str]) -> Reply:
        if not allowed:
            return problem(call, 404, "there is nothing at this path")
        names = ", ".join(allowed)
        detail = f"{call.method} is not answered here; use {names}"
        return problem(call, 405, detail, headers={"Allow": names})

    def rights(self, call: Call) -> Reply | None:
        """Ask again, behind Kong, for what the route asks: the two may not route alike."""
        if call.started > self.admission.until:
            return self._crowded(call, self._rights)
        return self._rights(call)

    def _rights(self, call: Call) -> Reply | None:
        entry: Entry = call.route
        caller = call.caller
        if not entry.public and (caller is None or caller.anonymous):
            return problem(call, 401, "this route needs a key")
        missing = entry.scopes if caller is None else entry.scopes - caller.scopes
        if missing:
            return problem(call, 403, f"the key lacks the scope {', '.join(sorted(missing))}")
        return None

    def plugins(self, call: Call) -> Reply | None:
        """Run the plugins' access phases, by priority."""
        if call.started > self.admission.until:
            return self._crowded(call, call.route.chain.access)
        return call.route.chain.access(call)  # type: ignore[no-any-return]  # an Entry's chain

    def _crowded(self, call: Call, admit: Step) -> Reply | None:
        """Refuse a call before its key is looked up when it would have to wait too long."""
        entry: Entry = call.route
        if not self.admission.admits(entry.cost, time()):
            return unavailable(call, CROWDED)
        reply = admit(call)
        if reply is None:
            self.admission.charged(entry.cost, later=entry.waits)
            if not entry.waits:
                call.route = entry.metered()
        return reply


def _as_it_is(call: Call, reply: Reply) -> Reply:
    return reply


def _repeats(call: Call, name: bytes) -> bool:
    return sum(field == name for field, _ in call.fields) > 1


def _name(host: bytes) -> bytes:
    name = host.lower()
    return name if name.endswith(b"]") else name.rpartition(b":")[0] or name


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
