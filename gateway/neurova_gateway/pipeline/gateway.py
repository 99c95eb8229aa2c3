"""The gateway: admit each call by an ordered list of steps, run its function, record it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import time

from neurova.execution.thread_pool import ThreadPool
from neurova.http.call import Call
from neurova.http.problem import complete_problem, problem
from neurova.http.reply import Reply
from neurova.http.trace_context import begin_trace
from neurova.settings.gateway import Gateway as GatewaySettings

from ..kong.config import GatewayConfig, Plugin
from ..kong.render import to_template
from ..plugins.host import Chain, PluginHost
from ..plugins.suspended import after_access, make_access
from . import behind_kong, health
from .admission import Admission
from .body_memory import BodyMemory
from .call_records import CallRecords
from .client_address import client_address_reader
from .compression import Compression
from .cors import Cors
from .framing import framing_check
from .host import host_check
from .identity import HEADER, Identity
from .path import BadPath
from .route_entry import Handler, RouteEntry, Step
from .routes import RouteTable, no_route_reply
from .static_site import METHODS as SITE_METHODS
from .static_site import StaticSite
from .tracing import CallTracing, parent_flag_reader

OVERLOADED = "The server is overloaded, retry later."
MAX_RETRY_AFTER = 3  # seconds, the largest Retry-After
# Built once, because a refusal must be cheap; Retry-After differs, to spread the retries.
_REFUSALS = [
    problem(None, 503, OVERLOADED, headers={"retry-after": str(1 + seconds)})
    for seconds in range(MAX_RETRY_AFTER)
]
_IDENTITY = HEADER.lower().encode()


class Gateway:
    """Handle the calls of both entry points (HTTP server and ASGI): `admit`, `invoke`, `record`.

    `load` replaces the routes at any time; calls in flight keep their route. With `identity`, the
    gateway runs behind Kong: it accepts only calls signed with this identity, and the plugins run
    in Kong.
    """

    def __init__(
        self,
        options: GatewaySettings,
        host: PluginHost,
        records: CallRecords,
        identity: Identity | None = None,
        thread_pool: ThreadPool | None = None,
        tracing: CallTracing | None = None,
    ) -> None:
        self.options = options
        self.compress: Callable[[Call, Reply], Reply | Awaitable[Reply]] = (
            Compression(thread_pool) if options.compress else _do_not_compress
        )
        self.admission = Admission()
        self.body_memory = BodyMemory(max(options.body_memory, options.max_body))
        self.health = health.Health()
        self._plugin_host = host
        self._records = records
        self._is_behind_kong = identity is not None
        proxies = options.trusted_proxies
        self._read_client_address = client_address_reader(proxies) if proxies else None
        self._tracing = tracing if tracing is not None and tracing.is_enabled else None
        self._sample = self._tracing.sample if self._tracing else None
        follows = proxies and self._tracing
        self._read_parent_flag = parent_flag_reader(proxies) if follows else None
        self._verify_identity = None if identity is None else behind_kong.identity_check(identity)
        self._check_framing = framing_check(options.max_body)
        self._check_host = host_check(options.hosts)
        self._cors: Cors | None = None
        self._site: StaticSite | None = None
        self._table: RouteTable[RouteEntry] = RouteTable(())
        self._steps = self.steps()

    def steps(self) -> tuple[Step, ...]:
        """Return the steps of `admit`, in order; the first step that replies ends the call."""
        steps = (
            self.begin,
            self._read_parent_flag,  # if trusted_proxies is set and calls are traced
            self._read_client_address,  # if trusted_proxies is set
            self._verify_identity,  # if the runtime is behind Kong
            self._check_framing,
            self._check_host,
            self._cors,  # if cors.origins is set
            self.check_turn,
            self.find_route,
            self._sample,  # if calls are traced
            self.authorize,
        )
        return tuple(step for step in steps if step is not None)

    def load(self, config: GatewayConfig, handlers: Mapping[str, Handler]) -> None:
        """Replace all routes; `handlers` maps route names to handlers."""
        global_plugins = [plugin for plugin in config.plugins if plugin.route is None]
        route_plugins: dict[str, list[Plugin]] = {}
        for plugin in config.plugins:
            if plugin.route is not None:
                route_plugins.setdefault(plugin.route, []).append(plugin)
        hosted = [plugin for plugin in global_plugins if plugin.name != "cors"]
        entry = RouteEntry("", self.health, _allow)
        rows = [(method, health.PATH, entry) for method in health.METHODS]
        for route in config.routes:
            plugins = [*hosted, *route_plugins.get(route.name, ())]
            entry = self._entry(route.name, handlers[route.name], plugins)
            for path in route.paths:
                rows += [(method, to_template(path), entry) for method in route.methods]
        self._table = RouteTable(rows)
        cors = [Cors(plugin.config) for plugin in global_plugins if plugin.name == "cors"]
        self._cors = cors[0] if cors else None
        self._steps = self.steps()

    def load_site(self, site: StaticSite | None) -> None:
        """Serve the files of `site` on paths without a route."""
        self._site = site

    def _entry(self, name: str, handler: Handler, plugins: list[Plugin]) -> RouteEntry:
        if self._is_behind_kong:
            entry = RouteEntry(name, handler, behind_kong.scope_check(plugins))
            return self._tracing.trace(entry, entry.access) if self._tracing else entry
        chain = self._plugin_host.get_chain(plugins)
        waits = self._plugin_host.waits
        access: Callable[[Chain], Step] = make_access if waits else _access_of
        entry = RouteEntry(name, handler, access(chain), chain.log if chain.has_log else None)
        if waits:
            entry.invoke = after_access(entry.invoke)
        return self._tracing.trace(entry, access(chain.with_spans())) if self._tracing else entry

    def admit(self, call: Call) -> Reply | None:
        """Check a call whose head is complete; return its refusal, or None to read the body."""
        for step in self._steps:
            reply = step(call)
            if reply is not None:
                return reply
        return None

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Run the function of an admitted call whose body is complete."""
        return call.route.invoke(call)  # type: ignore[no-any-return]  # Call.route is a RouteEntry

    def record(self, call: Call, reply: Reply, status: int = 0, size: int | None = None) -> None:
        """Record a call after its response; `status` is 499 if the client disconnected.

        `size`: the number of bytes sent of a streamed body.
        """
        entry = call.route
        if entry is not None and entry.log is not None:
            entry.log(call, reply)
        self._records.add(call, status or reply.status, len(reply.body) if size is None else size)

    # Steps that need the state of the gateway.

    def begin(self, call: Call) -> Reply | None:
        """Set the start time, begin the trace, and drop an identity header sent by the client."""
        call.started = time()
        begin_trace(call)
        if _IDENTITY in call.headers and not self._is_behind_kong:
            call.fields = [field for field in call.fields if field[0] != _IDENTITY]
            del call.headers[_IDENTITY]
        return None

    def check_turn(self, call: Call) -> Reply | None:
        """Refuse a call that has waited too long, before looking up its route and key."""
        admission = self.admission
        if call.started <= admission.busy_after:
            return None
        admission.is_busy = True
        if not admission.is_refusing or call.raw_path == health.RAW_PATH:
            return None
        admission.refused += 1
        return _REFUSALS[admission.refused % MAX_RETRY_AFTER]

    def find_route(self, call: Call) -> Reply | None:
        """Find the route for the method and path."""
        try:
            call.route, call.params, allowed = self._table.find(call.method, call.raw_path)
        except BadPath as error:
            return problem(call, 400, str(error))
        return None if call.route is not None else self._find_file(call, allowed)

    def _find_file(self, call: Call, allowed: tuple[str, ...]) -> Reply | None:
        """Find the static file for a path without a route, or return the refusal."""
        if allowed or self._site is None or call.raw_path not in self._site:
            return no_route_reply(call, allowed)
        if call.method not in SITE_METHODS:
            return no_route_reply(call, SITE_METHODS)
        call.route = RouteEntry("", self._site, _allow)
        return None

    def authorize(self, call: Call) -> Reply | None:
        """Run the plugins of the route by priority; behind Kong, check the scopes."""
        reply: Reply | None = call.route.access(call)
        if reply is not None:
            complete_problem(call, reply)
        return reply


def _access_of(chain: Chain) -> Step:
    return chain.access


def _allow(call: Call) -> None:
    return None


def _do_not_compress(call: Call, reply: Reply) -> Reply:
    return reply
