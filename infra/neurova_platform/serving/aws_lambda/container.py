"""One container of a Lambda function: it starts the platform once and handles many events."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from time import time
from typing import Any, Protocol, TypeVar

import msgspec

from neurova.database.migrations import PendingMigrations
from neurova.errors import Unavailable
from neurova.loading.service import discover
from neurova.settings.settings import Settings
from neurova.settings.site import Site

from ...composition import state
from ...composition.backends import load_function
from ...composition.platform import Platform
from ...settings.loading import load
from .. import logs
from .output import AccessOutput, LogOutput
from .publishing import OutboxPublisher
from .requirements import check_services, check_settings
from .secret_variables import load_secret_variables
from .sources import HANDLERS, WITHOUT_PLATFORM, find_source

LOGGER = logging.getLogger("neurova.lambda")
MARGIN_SECONDS = 0.5  # reserved before the function's timeout, to respond and to flush
FLUSH_SECONDS = 1.0  # a call waits at most this long until its log lines and spans are sent
SUSPENDED_SECONDS = 0.25  # after a longer pause, read changed keys before the next call
RESUME_SECONDS = 1.0  # for each attempt to read changed keys
STOP_SECONDS = 1.5  # a stop waits this long for a call in flight; Lambda kills the process after 2

T = TypeVar("T")
EventHandler = Callable[["Container", Mapping[str, Any], float], Awaitable[Any]]


class Context(Protocol):
    """The information that Lambda passes with one invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the timeout of the function."""


def open_container() -> Container:
    """Load the project in the working folder and start it. Raises NeurovaError if that fails."""
    # Block SIGTERM before starting threads, because they inherit the mask. One thread waits for the
    # signal: a Python handler would not run while the main thread waits in C for the next event.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    load_secret_variables(os.environ)
    container = Container(load_settings())
    container.start()
    threading.Thread(target=_wait_for_stop, args=(container,), name="sigterm", daemon=True).start()
    return container


def _wait_for_stop(container: Container) -> None:
    """Stop the container and exit at SIGTERM."""
    signal.sigwait([signal.SIGTERM])
    try:
        container.stop()
    finally:
        os._exit(0)


def load_settings() -> Settings:
    """Return the settings, with a state folder that a Lambda function may write to.

    Removes the public page, which a CDN serves, and the trace file, which nobody could read. Raises
    ConfigError.
    """
    folder = Path(tempfile.gettempdir()) / "neurova"
    settings = load(flags={"project.state": str(folder)})
    names = discover(settings.functions)
    check_settings(settings, [name for name in names if state.has_state(settings, name)])
    is_traced = settings.traces.enabled and bool(settings.traces.url)
    traces = msgspec.structs.replace(settings.traces, enabled=is_traced)
    return msgspec.structs.replace(settings, traces=traces, site=Site())


class Container:
    """Handle events with a platform, one at a time, on a separate event loop.

    The loop runs only during calls, because Lambda suspends the process between them.
    """

    platform: Platform
    publisher: OutboxPublisher

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._log = self._stack.enter_context(_logging(settings))
        self._runner = self._stack.enter_context(_make_runner())
        self._handlers: dict[str, EventHandler] = {}
        self._calling = threading.Lock()
        self._is_started = False
        self._ended_at = time()

    def start(self) -> None:
        """Start the platform; while migrations are pending, only the event `migrate` works.

        Raises NeurovaError.
        """
        try:
            self._start_platform()
        except PendingMigrations as error:
            LOGGER.error("Serving waits for the migrations: %s", error)
        except BaseException:
            self._stack.close()
            raise
        self._flush()

    def handle(self, event: Mapping[str, Any], context: Context) -> Any:
        """Handle one event. Raises NeurovaError, which Lambda reports, for an unknown event."""
        with self._calling:
            source = find_source(event)
            if source not in self._handlers:
                self._handlers[source] = load_function(HANDLERS[source])
            if not self._is_started and source not in WITHOUT_PLATFORM:
                self._start_platform()
            seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
            was_suspended = time() - self._ended_at > SUSPENDED_SECONDS
            try:
                return self._run(self._handle(source, event, seconds, was_suspended))
            finally:
                self._flush()
                self._ended_at = time()

    def stop(self) -> None:
        """Stop the platform once the call in flight has ended, but after STOP_SECONDS at most."""
        self._calling.acquire(timeout=STOP_SECONDS)
        if self._is_started:
            self._is_started = False
            self._run(self.platform.stop())
        self._stack.close()

    async def _handle(
        self, source: str, event: Mapping[str, Any], seconds: float, was_suspended: bool
    ) -> Any:
        if was_suspended and self._is_started:
            await self._resume()
        deadline = asyncio.get_running_loop().time() + seconds
        return await self._handlers[source](self, event, deadline)

    async def _resume(self) -> None:
        """Read changed keys, because background tasks did not run while Lambda was suspended."""
        await asyncio.sleep(0)  # let the loop detect connections that the other side has closed
        stores = self.platform.stores
        if stores is not None:
            for _ in range(2):  # the first attempt may use a closed connection
                with suppress(Unavailable, TimeoutError):
                    return await asyncio.wait_for(
                        asyncio.to_thread(stores.keys.refresh), RESUME_SECONDS
                    )

    def _start_platform(self) -> None:
        platform = Platform(
            self.settings,
            environment="live",
            log=self._log,
            access_log=AccessOutput(),
            check_tables=False,  # takes half of a cold start; the event `migrate` checks them
        )
        if self.settings.bus.url.startswith("sqs:"):
            platform.events.creates_queues = False  # the function's IAM role does not allow it
            import_module("boto3")  # slow: import it at the start, when Lambda gives a whole CPU
        self._run(platform.start())
        try:
            check_services(self.settings, platform.services.values())
        except BaseException:
            self._run(platform.stop())
            raise
        self.platform = platform
        self.publisher = OutboxPublisher(platform)
        self._is_started = True

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        # Not `Runner.run`: it installs a SIGINT handler for each call, which takes 0.1 ms.
        return self._runner.get_loop().run_until_complete(work)

    def _flush(self) -> None:
        """Write and send all records, spans and log lines before Lambda suspends the process."""
        if self._is_started:
            self.platform.call_records.flush()
            self.platform.traces.flush()
        self._log.flush(FLUSH_SECONDS)


def _make_runner() -> asyncio.Runner:
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _logging(settings: Settings) -> Any:
    """Write all log lines to standard output; remove the log handler of Lambda's runtime."""
    root = logging.getLogger()
    for handler in [*root.handlers]:
        if type(handler).__module__.startswith("awslambdaric"):
            root.removeHandler(handler)
    return logs.writing(settings, output=LogOutput())
