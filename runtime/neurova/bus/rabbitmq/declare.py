"""Create a topology on RabbitMQ, or compare it with the existing one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, NamedTuple

from ...errors import StateError
from .connection import BrokerRefusal, Channel, Connection
from .topology import Exchange, QuorumQueue, Topology

_Object = Exchange | QuorumQueue


class Difference(NamedTuple):
    """An exchange or queue that differs; `definition` describes how, "" if it is missing."""

    name: str
    definition: str

    def __str__(self) -> str:
        return f"{self.name}: {self.definition or 'missing'}"


async def declare(connection: Connection, topology: Topology) -> None:
    """Create missing objects. Raises StateError if one exists with another definition."""
    channel = await connection.channel()
    for each in _objects(topology):
        try:
            await _declare(channel, each)
        except BrokerRefusal as error:
            raise _explain(each, error) from error
    bind = channel.raw.queue_bind
    for exchange, queue, key in topology.bindings:
        await channel.call(bind, queue=queue, exchange=exchange, routing_key=key)
    await channel.close()


async def compare(connection: Connection, topology: Topology) -> list[Difference]:
    """Return the exchanges and queues that differ. AMQP cannot list bindings."""
    found = []
    for each in _objects(topology):
        code, _ = await _try(connection, _look, each)
        if code == 404:
            found.append(Difference(_name(each), ""))
            continue
        # Declaring an existing object does not change it; RabbitMQ refuses another definition.
        code, text = await _try(connection, _declare, each)
        if code:
            found.append(Difference(_name(each), text))
    return found


async def count_messages(connection: Connection, queue: str) -> int:
    """Return the number of ready messages. Raises BrokerRefusal if the queue is missing."""
    channel = await connection.channel()
    frame = await channel.call(channel.raw.queue_declare, queue=queue, passive=True)
    await channel.close()
    return int(frame.method.message_count)


def _objects(topology: Topology) -> Iterator[_Object]:
    yield from topology.exchanges
    yield from topology.queues


async def _declare(channel: Channel, each: _Object) -> Any:
    if isinstance(each, Exchange):
        options = {"exchange": each.name, "exchange_type": each.kind}
        method: Callable[..., Any] = channel.raw.exchange_declare
    else:
        options = {"queue": each.name}
        method = channel.raw.queue_declare
    return await channel.call(method, **options, durable=True, arguments=each.arguments)


async def _look(channel: Channel, each: _Object) -> Any:
    if isinstance(each, Exchange):
        return await channel.call(channel.raw.exchange_declare, exchange=each.name, passive=True)
    return await channel.call(channel.raw.queue_declare, queue=each.name, passive=True)


async def _try(
    connection: Connection, run: Callable[[Channel, _Object], Awaitable[Any]], each: _Object
) -> tuple[int, str]:
    """Run on a new channel, which a refusal closes; return its code and text, else (0, "")."""
    channel = await connection.channel()
    try:
        await run(channel, each)
    except BrokerRefusal as error:
        return error.code, error.what
    await channel.close()
    return 0, ""


def _explain(each: _Object, error: BrokerRefusal) -> StateError:
    if error.code != 406:
        return StateError(error.what, where=_name(each), fix=error.fix)
    kind = "exchange" if isinstance(each, Exchange) else "queue"
    fix = f"delete the {kind} when it is empty and nothing uses it, then run `neurova bus apply`"
    return StateError(f"it has another definition: {error.what}", where=_name(each), fix=fix)


def _name(each: _Object) -> str:
    kind = "exchange" if isinstance(each, Exchange) else "queue"
    return f"RabbitMQ {kind} {each.name}"
