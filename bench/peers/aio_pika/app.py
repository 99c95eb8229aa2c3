"""aio-pika: 500 publishes at once with confirms; a single ack for each message."""

import aio_pika
from commands import BODY, PREFETCH, publish_windows, serve

QUEUE = "bench.aio_pika"


async def open_client(url):
    """Connect and return the commands."""
    connection = await aio_pika.connect_robust(url)
    channel = await connection.channel()
    await channel.set_qos(PREFETCH)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    exchange = channel.default_exchange

    async def publish_one():
        persistent = aio_pika.DeliveryMode.PERSISTENT
        await exchange.publish(aio_pika.Message(BODY, delivery_mode=persistent), QUEUE)

    async def publish(progress):
        return await publish_windows(progress, publish_one)

    async def consume(progress):
        async def receive(message):
            await message.ack()
            progress.hit()

        tag = await queue.consume(receive)
        costs = await progress.done()
        await queue.cancel(tag)
        return costs

    return {"publish": publish, "consume": consume}


serve(open_client)
