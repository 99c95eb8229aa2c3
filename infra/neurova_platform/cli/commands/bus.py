"""`neurova bus apply | diff | definitions`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from ..output import json_option, print_document

if TYPE_CHECKING:
    from neurova.bus.base import Bus, Queue
    from neurova.bus.rabbitmq.declare import Difference

T = TypeVar("T")


@click.group()
def bus() -> None:
    """Create the queues on RabbitMQ or SQS; compare and print those on RabbitMQ."""


@bus.command()
@json_option
def apply(as_json: bool) -> None:
    """Create the queues of all subscriptions; change nothing that exists.

    Exits with 5 if a queue has another definition.
    """
    import asyncio

    async def declare(opened: Bus, queues: list[Queue]) -> None:
        await opened.declare(queues, asyncio.get_running_loop().time() + 60)
        if as_json:
            print_document([queue.name for queue in queues])
        else:
            click.echo(f"Created, or found: the queues of {len(queues)} subscriptions")

    _run(declare)


@bus.command()
@json_option
@click.pass_context
def diff(ctx: click.Context, as_json: bool) -> None:
    """Show what is missing on RabbitMQ, or has another definition. Exits with 1 if anything is."""

    async def compare(opened: Bus, queues: list[Queue]) -> list[Difference]:
        from neurova.bus.rabbitmq.bus import RabbitBus
        from neurova.errors import ConfigError

        if not isinstance(opened, RabbitBus):
            fix = "use `neurova doctor`, which finds missing queues on SQS"
            raise ConfigError("the bus of this project is not RabbitMQ", where="bus.url", fix=fix)
        return await opened.compare(queues)

    found = _run(compare)
    if as_json:
        print_document([each._asdict() for each in found])
    else:
        for each in found:
            click.echo(str(each))
        if not found:
            click.echo("No differences", err=True)
    ctx.exit(1 if found else 0)


@bus.command()
@click.option("--vhost", default="/", help="The virtual host in the file.")
@json_option
def definitions(vhost: str, as_json: bool) -> None:
    """Print the queues as a definitions file, which RabbitMQ imports; it is always JSON."""
    from neurova.bus.rabbitmq.topology import render_definitions, shared_topology, topology_of

    from ...composition.inventory import load_queues
    from ...settings.loading import load

    topology = shared_topology() + topology_of(load_queues(load()))
    print_document(render_definitions(topology, vhost))


def _run(work: Callable[[Bus, list[Queue]], Awaitable[T]]) -> T:
    """Run `work` with the connected bus and the queues of the project."""
    import asyncio

    from neurova.errors import ConfigError

    from ...composition.backends import open_bus
    from ...composition.inventory import load_queues
    from ...settings.loading import load

    settings = load()
    queues = load_queues(settings)
    if not settings.bus.url:
        fix = 'set [bus] url = "amqp://…" or "sqs://…"'
        raise ConfigError("the embedded bus creates its queues by itself", where="bus.url", fix=fix)

    async def run() -> T:
        opened = open_bus(settings)
        await opened.start()
        try:
            return await work(opened, queues)
        finally:
            await opened.close()

    return asyncio.run(run())
