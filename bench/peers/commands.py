"""Run a messaging client by commands on standard input: "publish 1000", "consume 1000".

Each command is answered by one line, the seconds and CPU seconds of one message as JSON.
"""

import asyncio
import itertools
import json
import sys
import time

import uvloop

BODY = bytes(200)
WINDOW = 500  # unconfirmed messages of a client that pipelines
PREFETCH = 50


class Progress:
    """Measure from the first to the last of `count` messages; `done` returns the costs of one."""

    def __init__(self, count):
        self.count, self.numbers, self.began = count, itertools.count(1), None
        self.loop, self.finished = asyncio.get_running_loop(), asyncio.Event()

    def start(self):
        """Measure from now on."""
        self.began = time.perf_counter(), time.process_time()

    def hit(self):
        """Count a message. May be called by any thread."""
        number = next(self.numbers)
        if number == 1:
            self.start()
        if number == self.count:
            self.loop.call_soon_threadsafe(self.finished.set)

    async def done(self):
        """Wait for the last message."""
        await self.finished.wait()
        return self.costs()

    def costs(self):
        """Return the seconds and CPU seconds of one message."""
        began, cpu = self.began
        used = time.perf_counter() - began, time.process_time() - cpu
        return {"seconds": used[0] / self.count, "cpu": used[1] / self.count}


async def publish_windows(progress, publish):
    """Publish, by an async function, as many messages at once as fit into the window."""
    progress.start()
    for _ in range(progress.count // WINDOW):
        await asyncio.gather(*(publish() for _ in range(WINDOW)))
    return progress.costs()


def serve(open_client):
    """Run `open_client(url)`, which returns an async function for each command."""

    async def run():
        commands = await open_client(sys.argv[1])
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, count = line.split()
            print(json.dumps(await commands[verb](Progress(int(count)))), flush=True)

    uvloop.run(run())
