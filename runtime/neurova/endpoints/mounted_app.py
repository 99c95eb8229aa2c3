"""A mounted ASGI app as an endpoint."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from time import monotonic
from typing import Any

from ..asgi.app import AsgiSource, Scope
from ..asgi.lifespan import Lifespan
from ..asgi.request import make_scope
from ..execution.concurrency_limit import MAX_TASKS, ConcurrencyLimit
from ..execution.context import ExecutionContext
from ..execution.in_flight_call import Delivery, InFlightCall, start_call
from ..functions.decorators import AppMount
from ..http.call import Call
from ..http.reply import Reply
from ..streaming.response_stream import SourceDelivery
from ..traces.current import format_traceparent
from .endpoint import Endpoint

DRAIN_TIMEOUT = 30.0  # seconds for calls in flight to end before the app is stopped
POLL_INTERVAL = 0.05  # seconds


class MountedApp(Endpoint):
    """Answer calls with an ASGI app, which starts and stops with the service's generation.

    The app gets the caller as `request.state.caller`, and its parent span in the header field
    `traceparent`.
    """

    __slots__ = ("concurrency", "delivery", "lifespan", "prefix")
    runs_in_thread = False
    streams = True  # so that a disconnect is reported to the app immediately

    def __init__(
        self,
        mount: AppMount,
        name: str,
        service: str,
        file: str,
        execution: ExecutionContext,
        generation: object,
    ) -> None:
        description = mount.description
        super().__init__(
            f"{service}.{name}",
            service,
            description,
            file=file,
            line=mount.line,
            doc=inspect.cleandoc(mount.doc),
            generation=generation,
        )
        self.prefix = description.path.rstrip("/")
        limit = description.concurrency or MAX_TASKS
        self.concurrency = ConcurrencyLimit(limit, refusals=execution.refusals)
        self.lifespan = Lifespan(mount.app, f"{file}:{mount.line}: {name}")
        source = AsgiSource(mount.app, self._make_scope, private=not description.public)
        self.delivery: Delivery = SourceDelivery(source)

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Start or queue one call of the app."""
        call.deadline = monotonic() + self.timeout
        return start_call(InFlightCall(self, call, None, self.run, asyncio.get_running_loop()))

    async def run(self, in_flight: InFlightCall) -> Delivery:
        """Return the delivery, which then runs the app."""
        return self.delivery

    async def start(self) -> None:
        """Run the startup of the app. Raises LoadError if it fails."""
        await self.lifespan.start()

    async def stop(self) -> None:
        """Wait for the calls in flight, at most DRAIN_TIMEOUT, then run the app's shutdown."""
        last = monotonic() + DRAIN_TIMEOUT
        while self.lifespan.is_running and self.concurrency.running and monotonic() < last:  # noqa: ASYNC110 - an event would slow down each call
            await asyncio.sleep(POLL_INTERVAL)
        await self.lifespan.stop()

    def _make_scope(self, call: Call) -> Scope:
        scope: dict[str, Any] = make_scope(call)
        scope["root_path"] = self.prefix
        fields = [field for field in call.fields if field[0] != b"traceparent"]
        traceparent = format_traceparent(call.span or call).encode()
        scope["headers"] = [*fields, (b"traceparent", traceparent)]
        scope["state"] = {**self.lifespan.state, "caller": call.caller}
        return scope
