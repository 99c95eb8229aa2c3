"""Connect OpenTelemetry's API to the platform's traces as soon as some code imports it."""

from __future__ import annotations

import sys
from types import ModuleType

from ...telemetry.import_hook import ImportHook
from ..tracer import Tracer


class OpenTelemetryBridge:
    """Record spans of OpenTelemetry's API with `tracer`, unless the project sets a provider."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._is_starting = True
        self._hook = ImportHook("opentelemetry.trace", self._join)

    def install(self) -> None:
        """Connect the API now, or when it is imported. Call this after loading the functions."""
        self._hook.install()
        self._is_starting = False

    def remove(self) -> None:
        """Record no more spans."""
        self._hook.remove()
        module = sys.modules.get("neurova.traces.opentelemetry.provider")
        if module is not None:
            module.leave(self._tracer)

    def _join(self, api: ModuleType) -> None:
        # Code that imports the SDK after the start will probably set its own provider.
        if self._is_starting or "opentelemetry.sdk" not in sys.modules:
            from .provider import join

            join(self._tracer, prepare=self._is_starting)
