"""One container of a Lambda function: a platform that is started once and answers many events."""

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
MARGIN_SECONDS = 0.5  # before the timeout of the function, to answer and to flush
FLUSH_SECONDS = 1.0  # that a call waits for its log lines and spans to be sent
SUSPENDED_SECONDS = 0.25  # since the last call, after which changes of keys are read at once
RESUME_SECONDS = 1.0  # for each attempt to do so
STOP_SECONDS = 1.5  # that a stop waits for a call in flight; Lambda kills the process after 2

T = TypeVar("T")
EventHandler = Callable[["Container", Mapping[str, Any], float], Awaitable[Any]]


class Context(Protocol):
    """What Lambda tells about one invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the timeout of the function."""


def open_container() -> Container:
    """Load the project of the working folder and start it. Raises NeurovaError if it cannot."""
    # For all threads, which inherit it: the main one waits in C for the next event.
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
    """Return the settings, with the state folder where a Lambda function may write.

    The public page is left out, a CDN serves it, and so is the file of traces, which nobody would
    read. Raises ConfigError.
    """
    folder = Path(tempfile.gettempdir()) / "neurova"
    settings = load(flags={"project.state": str(folder)})
    names = discover(settings.functions)
    check_settings(settings, [name for name in names if state.has_state(settings, name)])
    is_traced = settings.traces.enabled and bool(settings.traces.url)
    traces = msgspec.structs.replace(settings.traces, enabled=is_traced)
    return msgspec.structs.replace(settings, traces=traces, site=Site())


class Container:
    """Answer events by the platform of `settings`, one at a time, on an event loop of its own.

    The loop runs during calls only, as the process is suspended between them.
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
        """Answer one event. Raises NeurovaError for an unknown one, which Lambda reports."""
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
        """Stop the platform, when the call in flight has ended or after a short time."""
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
        """Bring up to date what background work has not done while the process was suspended."""
        await asyncio.sleep(0)  # notice connections that others have closed
        stores = self.platform.stores
        if stores is not None:
            for _ in range(2):  # the first attempt may meet a connection that was closed
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
            check_tables=False,  # the event `migrate` does, as it takes half of a cold start
        )
        if self.settings.bus.url.startswith("sqs:"):
            platform.events.creates_queues = False  # the role of the function cannot
            import_module("boto3")  # a start has a whole CPU, a call may have a part of one
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
        # `Runner.run` would install a handler of SIGINT for each call, which costs 0.1 ms.
        return self._runner.get_loop().run_until_complete(work)

    def _flush(self) -> None:
        """Write and send what has been recorded, before the process is suspended."""
        if self._is_started:
            self.platform.call_records.flush()
            self.platform.traces.flush()
        self._log.flush(FLUSH_SECONDS)


def _make_runner() -> asyncio.Runner:
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _logging(settings: Settings) -> Any:
    """Write all log lines to standard output, instead of the handler of Lambda's runtime."""
    root = logging.getLogger()
    for handler in [*root.handlers]:
        if type(handler).__module__.startswith("awslambdaric"):
            root.removeHandler(handler)
    return logs.writing(settings, output=LogOutput())
