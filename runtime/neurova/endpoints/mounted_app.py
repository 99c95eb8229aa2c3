"""A mounted app, ready to be called like a function."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import get_running_loop
from collections.abc import Awaitable
from time import monotonic
from typing import Any

from ..asgi.app import App, Scope
from ..asgi.lifespan import Lifespan
from ..asgi.request import scope_of
from ..binding.binding import Binding
from ..binding.parameter import REQUIRED, Signature
from ..endpoints.function import TASKS, Function, begun
from ..execution.concurrency_limit import ConcurrencyLimit
from ..execution.in_flight_call import Remainder
from ..functions.decorators import AppMount
from ..http.call import Call
from ..http.reply import Reply
from ..http.trace_context import format_traceparent
from ..resources import Resources

PATIENCE = 30.0  # seconds that calls in flight have before their app is stopped
LOOK = 0.05  # seconds between two looks at whether they have ended


class MountedApp(Function):
    """Answer calls with an ASGI app; its lifespan is that of the service's generation.

    The app finds who calls as `request.state.caller`, and its own spans' parent in `traceparent`.
    """

    __slots__ = ("gate", "lifespan", "prefix", "source")
    threaded = False
    streams = True  # it is told that its client has left

    def __init__(
        self,
        mount: AppMount,
        name: str,
        service: str,
        file: str,
        resources: Resources,
        generation: object,
    ) -> None:
        async def answer() -> None:
            """Stand for the app where a function is looked at."""

        place = f"{file}:{mount.line}: {name}"
        called = f"{service}.{name}"
        binding = Binding(Signature((), REQUIRED), called, resources, False, place)
        super().__init__(
            called, service, mount.description, answer, binding, resources, file, generation
        )
        self.line, self.doc = mount.line, inspect.cleandoc(mount.doc)
        self.prefix = mount.description.path.rstrip("/")
        self.gate = ConcurrencyLimit(mount.description.concurrency or TASKS)
        self.lifespan = Lifespan(mount.app, place)
        self.source = App(mount.app, self._scope, keyed=not mount.description.public)

    def invoke(self, call: Call) -> Reply | Awaitable[Reply]:
        """Begin one call of the app, or put it in the queue."""
        call.deadline = monotonic() + self.timeout
        return begun(self, call, Remainder(self, call, [self.source], get_running_loop()))

    async def start(self) -> None:
        """Run the app's start-up. Raises LoadError when it fails."""
        await self.lifespan.start()

    async def stop(self) -> None:
        """Run the app's shutdown when its calls in flight have ended, at most PATIENCE later."""
        last = monotonic() + PATIENCE
        while self.lifespan.started and self.gate.running and monotonic() < last:  # noqa: ASYNC110 - see below
            await asyncio.sleep(LOOK)  # a gate tells nobody, and pays nothing for it
        await self.lifespan.stop()

    def _scope(self, call: Call) -> Scope:
        scope: dict[str, Any] = scope_of(call)
        scope["root_path"] = self.prefix
        kept = [field for field in call.fields if field[0] != b"traceparent"]
        scope["headers"] = [*kept, (b"traceparent", format_traceparent(call).encode())]
        scope["state"] = {**self.lifespan.state, "caller": call.caller}
        return scope
