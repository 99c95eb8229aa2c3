"""Wrap connections and channels of pika for asyncio: await their replies and errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from pika import SSLOptions, URLParameters, exceptions
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel as PikaChannel

from ...errors import NeurovaError, StateError, Unavailable

T = TypeVar("T")

HEARTBEAT = 15  # seconds; a connection is lost after 30 seconds without traffic
CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 5.0
_CODES = {
    403: "give the user the permissions: `rabbitmqctl set_permissions`",
    404: "create it: `neurova bus apply`",
    405: "end the other program that uses it",
    406: "compare the definitions: `neurova bus diff`",
}


class BrokerRefusal(StateError):
    """RabbitMQ refused a method and closed its channel; `code` is the AMQP reply code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"RabbitMQ refuses: {text}", fix=_CODES.get(code, "see its log"))
        self.code = code


def translate(error: BaseException) -> NeurovaError:
    """Translate an error of pika to a NeurovaError."""
    if isinstance(error, exceptions.ChannelClosedByBroker):
        return BrokerRefusal(error.reply_code, error.reply_text)
    text = error.reply_text if isinstance(error, exceptions.ConnectionClosed) else str(error)
    return Unavailable(
        f"RabbitMQ is unavailable: {text or type(error).__name__}",
        fix="retry later, or check that it runs: `neurova doctor`",
    )


@asynccontextmanager
async def until(deadline: float) -> AsyncIterator[None]:
    """Raise Unavailable at the deadline, in event-loop seconds."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise Unavailable("RabbitMQ did not answer until the deadline", fix="retry later") from None


class Channel:
    """Wrap `raw`, a channel of pika; the result of `closed` is the error that closed it."""

    def __init__(self, raw: PikaChannel) -> None:
        self.raw = raw
        self.closed: asyncio.Future[NeurovaError] = asyncio.get_running_loop().create_future()
        self._calls: set[asyncio.Future[Any]] = set()
        raw.add_on_close_callback(self._on_close)

    @property
    def is_open(self) -> bool:
        """Whether the channel accepts method calls."""
        return bool(self.raw.is_open)

    async def call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        """Call a method of `raw` and return the reply. Raises BrokerRefusal or Unavailable."""
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.add(reply)
        try:
            method(**arguments, callback=lambda frame: _set(reply, frame))
            return await reply
        except exceptions.AMQPError as error:
            raise self.error() or translate(error) from error
        finally:
            self._calls.discard(reply)

    def error(self) -> NeurovaError | None:
        """Return the error that closed the channel, None while it is open."""
        return self.closed.result() if self.closed.done() else None

    async def wait(self, event: asyncio.Event) -> None:
        """Wait until the event is set or the channel is closed."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            futures: set[asyncio.Future[Any]] = {waiting, self.closed}
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    async def close(self) -> None:
        """Close the channel; its unacknowledged messages return to their queues."""
        with suppress(exceptions.AMQPError):
            self.raw.close()
            await asyncio.wait([self.closed], timeout=CLOSE_TIMEOUT)

    def _on_close(self, _: PikaChannel, reason: Exception) -> None:
        error = translate(reason)
        _set(self.closed, error)
        for call in self._calls:
            if not call.done():
                call.set_exception(error)


class Connection:
    """A connection to RabbitMQ; the result of `closed` is the error that closed it.

    `unblocked` is cleared while RabbitMQ accepts no messages because its disk or memory is full.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[NeurovaError] = loop.create_future()
        self.unblocked = asyncio.Event()
        self.unblocked.set()
        self.raw: AsyncioConnection | None = None

    async def open(self, url: str) -> None:
        """Connect. Raises StateError if RabbitMQ refuses the user, Unavailable if it is down."""
        parameters = parse_url(url)
        self.raw = AsyncioConnection(
            parameters,
            on_open_callback=lambda _: _set(self.opened, None),
            on_open_error_callback=lambda _, error: self._fail(error, parameters),
            on_close_callback=lambda _, reason: _set(self.closed, translate(reason)),
            custom_ioloop=asyncio.get_running_loop(),
        )
        self.raw.add_on_connection_blocked_callback(lambda *_: self.unblocked.clear())
        self.raw.add_on_connection_unblocked_callback(lambda *_: self.unblocked.set())
        try:
            await self.opened
        except BaseException:
            if not self.raw.is_closed:
                with suppress(exceptions.AMQPError):
                    self.raw.close()
            raise

    async def channel(self) -> Channel:
        """Open a channel."""
        assert self.raw is not None
        opened = asyncio.Event()
        try:
            raw = self.raw.channel(on_open_callback=lambda _: opened.set())
        except exceptions.AMQPError as error:
            raise translate(error) from error
        channel = Channel(raw)
        await channel.wait(opened)
        if fault := channel.error():
            raise fault
        return channel

    async def close(self) -> None:
        """Close the connection and its channels; wait briefly for RabbitMQ to confirm it."""
        if self.raw is None or self.closed.done():
            return
        with suppress(exceptions.AMQPError):
            self.raw.close()
            await asyncio.wait([self.closed], timeout=CLOSE_TIMEOUT)

    def _fail(self, error: BaseException, parameters: URLParameters) -> None:
        if not self.opened.done():
            self.opened.set_exception(_refusal(error, parameters))


def parse_url(url: str) -> URLParameters:
    """Return the connection parameters of a URL; verify TLS. Raises ValueError."""
    parameters = URLParameters(url)
    parameters.heartbeat = HEARTBEAT if parameters.heartbeat is None else parameters.heartbeat
    parameters.socket_timeout = parameters.stack_timeout = CONNECT_TIMEOUT
    parameters.client_properties = {"connection_name": "neurova"}
    if url.startswith("amqps") and "ssl_options" not in url:
        parameters.ssl_options = SSLOptions(ssl.create_default_context(), parameters.host)
    return parameters


def _refusal(error: BaseException, parameters: URLParameters) -> NeurovaError:
    where = f"RabbitMQ at {parameters.host}:{parameters.port}"
    if isinstance(error, exceptions.ProbableAuthenticationError | exceptions.AuthenticationError):
        user = getattr(parameters.credentials, "username", "")
        fix = "fix the user and password in [bus] url"
        return StateError(f"it refuses the user {user!r}", where=where, fix=fix)
    if isinstance(error, exceptions.ProbableAccessDeniedError) or (
        isinstance(error, exceptions.ConnectionClosedByBroker) and error.reply_code in (403, 530)
    ):
        what = f"it refuses the virtual host {parameters.virtual_host!r}"
        fix = "create it (`rabbitmqctl add_vhost`) and give the user the permissions"
        return StateError(what, where=where, fix=fix)
    return Unavailable("it does not respond", where=where, fix="start it, or fix [bus] url")


def _set(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)
