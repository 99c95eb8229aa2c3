"""A TracerProvider of OpenTelemetry whose spans become records of the platform."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import opentelemetry.context
from opentelemetry import trace

from ..tracer import Tracer
from .context import OperationContext

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider


class PlatformTracerProvider(trace.TracerProvider):
    """Forward to a provider of the SDK, which is created at the first use.

    Importing the SDK takes longer than most calls, and many libraries only import the API.
    """

    def __init__(self, tracer: Tracer, context: OperationContext) -> None:
        self._context = context
        self.use(tracer)

    def use(self, tracer: Tracer) -> None:
        """Sample and record with another tracer."""
        self.tracer = tracer
        self._context.buffer = tracer.buffer

    @cached_property
    def sdk(self) -> TracerProvider:
        """The provider of the SDK."""
        from .recording import make_provider

        return make_provider(lambda: self.tracer)

    def get_tracer(self, *args: Any, **options: Any) -> trace.Tracer:
        """Return a tracer; see `opentelemetry.trace.TracerProvider.get_tracer`."""
        return self.sdk.get_tracer(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sdk, name)


def join(tracer: Tracer, *, prepare: bool) -> None:
    """Record the API's spans in this process with `tracer`; with `prepare`, import the SDK now.

    Do nothing if the project has set its own provider. A process can set a provider only once, so
    a later call only replaces the tracer.
    """
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):  # no provider is set yet
        # The API offers no other way to replace the context of a running process.
        context = OperationContext(opentelemetry.context._RUNTIME_CONTEXT)
        opentelemetry.context._RUNTIME_CONTEXT = context
        provider = PlatformTracerProvider(tracer, context)
        trace.set_tracer_provider(provider)
    if isinstance(provider, PlatformTracerProvider):
        provider.use(tracer)
        if prepare:
            provider.sdk  # noqa: B018 - imports the SDK


def leave(tracer: Tracer) -> None:
    """Stop recording with `tracer`."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, PlatformTracerProvider) and provider.tracer is tracer:
        provider.use(Tracer())
