"""pika alone, on its asyncio adapter: pipelined confirms, a single ack for each message."""

import asyncio

import pika
from commands import BODY, PREFETCH, WINDOW, serve
from pika.adapters.asyncio_connection import AsyncioConnection

QUEUE = "bench.raw"


async def open_client(url):
    """Connect and return the commands."""
    loop = asyncio.get_running_loop()
    opened = loop.create_future()
    AsyncioConnection(pika.URLParameters(url), on_open_callback=opened.set_result)
    connection = await opened
    channels = []
    for _ in range(2):
        future = loop.create_future()
        connection.channel(on_open_callback=future.set_result)
        channels.append(await future)
    publisher, consumer = channels
    declared, confirming = loop.create_future(), loop.create_future()
    publisher.queue_declare(
        QUEUE, durable=True, arguments={"x-queue-type": "quorum"}, callback=declared.set_result
    )
    await declared
    client = Client(publisher, consumer)
    publisher.confirm_delivery(client.on_confirm, confirming.set_result)
    await confirming
    consumer.basic_qos(prefetch_count=PREFETCH)
    return {"publish": client.publish, "consume": client.consume}


class Client:
    """A channel for publishing, and a channel for consuming."""

    def __init__(self, publisher, consumer):
        self.publisher, self.consumer = publisher, consumer
        self.properties = pika.BasicProperties(delivery_mode=2, message_id="0" * 32)
        self.sent, self.confirmed, self.progress = 0, 0, None

    async def publish(self, progress):
        """Publish messages; at most WINDOW of them are unconfirmed at any time."""
        self.progress, self.sent, self.confirmed = progress, 0, 0
        self.base = getattr(self, "base", 0)
        progress.start()
        self.fill()
        costs = await progress.done()
        self.base += progress.count
        return costs

    def fill(self):
        """Publish until the window is full."""
        progress, publish = self.progress, self.publisher.basic_publish
        while self.sent < progress.count and self.sent - self.confirmed < WINDOW:
            publish("", QUEUE, BODY, self.properties, mandatory=True)
            self.sent += 1

    def on_confirm(self, frame):
        """Count the confirmed messages; if `multiple` is set, all up to the delivery tag."""
        method = frame.method
        confirmed = method.delivery_tag - self.base if method.multiple else self.confirmed + 1
        self.confirmed = max(confirmed, self.confirmed)
        self.fill()
        if self.confirmed == self.progress.count:
            self.progress.finished.set()

    async def consume(self, progress):
        """Consume messages and ack each."""

        def receive(channel, method, properties, body):
            progress.hit()
            channel.basic_ack(method.delivery_tag)

        tag = self.consumer.basic_consume(QUEUE, receive)
        costs = await progress.done()
        self.consumer.basic_cancel(tag)
        return costs


serve(open_client)
