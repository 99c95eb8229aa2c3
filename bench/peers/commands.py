"""Control a messaging client by commands on standard input: "publish 1000", "consume 1000".

For each command, prints one line of JSON: the seconds and CPU seconds per message.
"""

import asyncio
import itertools
import json
import sys
import time

import uvloop

BODY = bytes(200)
WINDOW = 500  # the maximum number of unconfirmed messages of a client that pipelines
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
        """Count a message; thread-safe."""
        number = next(self.numbers)
        if number == 1:
            self.start()
        if number == self.count:
            self.loop.call_soon_threadsafe(self.finished.set)

    async def done(self):
        """Wait for the last message; return the costs."""
        await self.finished.wait()
        return self.costs()

    def costs(self):
        """Return the seconds and CPU seconds per message."""
        began, cpu = self.began
        used = time.perf_counter() - began, time.process_time() - cpu
        return {"seconds": used[0] / self.count, "cpu": used[1] / self.count}


async def publish_windows(progress, publish):
    """Call `publish` for WINDOW messages at a time; wait for their confirms before the next."""
    progress.start()
    for _ in range(progress.count // WINDOW):
        await asyncio.gather(*(publish() for _ in range(WINDOW)))
    return progress.costs()


def serve(open_client):
    """Run commands with `open_client(url)`, which returns an async function for each command."""

    async def run():
        commands = await open_client(sys.argv[1])
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, count = line.split()
            print(json.dumps(await commands[verb](Progress(int(count)))), flush=True)

    uvloop.run(run())
