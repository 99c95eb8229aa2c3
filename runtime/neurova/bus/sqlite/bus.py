"""The embedded bus: implements `Bus` on one SQLite file."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ...errors import Unavailable
from ...execution.repeated import log_repeated
from ...files.sqlite_file import open_sqlite_file, translate_sqlite_error
from ..base import (
    LONGEST_RETRY,
    Delivery,
    Depth,
    Message,
    Queue,
    Receive,
    Unroutable,
    add_failure,
)
from . import messages
from .group_commit import GroupCommit

LOGGER = logging.getLogger("neurova.events")

T = TypeVar("T")

POLL_SECONDS = 0.05  # interval between checks for changes by other processes
OWNER_POLLS = 20  # polls between checks for dead processes
OWNER_SUFFIX = ".owner"


class SqliteBus:
    """Keep queues in the file at `path`; `clock` returns Unix seconds.

    Each process locks a file in the folder `<path>.owners`. If it dies, the lock is released, and
    another process returns its messages to their queues.
    """

    system = "neurova"

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.clock = clock
        self.owner = secrets.randbits(62) + 1
        self.consumers: set[SqliteConsumer] = set()
        self._folder = path.with_name(f"{path.name}.owners")
        self._lock = -1
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the file. Raises StateError if it cannot be used."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Lock before the rename: another process would consider an unlocked owner dead.
            temporary = self._folder / f"{self.owner}.new"
            self._lock = _lock(temporary)
            temporary.rename(self._folder / f"{self.owner}{OWNER_SUFFIX}")
            self.reader = open_sqlite_file(self.path, messages.LAYOUT)
        except (OSError, sqlite3.Error) as error:
            raise translate_sqlite_error(error, self.path) from error
        self.writer = GroupCommit(self.path, messages.LAYOUT)
        self._acks = _Acks(self.writer, self.owner)

    async def close(self) -> None:
        """Stop consuming, return unfinished messages to their queues, and close the file."""
        for consumer in list(self.consumers):
            await consumer.stop()
        if self._watcher is not None:
            self._watcher.cancel()
        if self._lock >= 0:
            with suppress(Exception):  # another process returns the messages later
                await self.writer.write(messages.release_all, [self.owner])
            await self.writer.close()
            self.reader.close()
            (self._folder / f"{self.owner}{OWNER_SUFFIX}").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1

    async def declare(self, queues: Sequence[Queue], deadline: float) -> None:
        """Create the queues and bind them to their events."""
        await _until(self.writer.write(messages.declare, queues), deadline)

    async def publish(self, published: Sequence[Message], deadline: float) -> None:
        """Publish messages; see `Bus`."""
        unroutable = await _until(self.writer.write(messages.insert, published), deadline)
        self.wake()
        if unroutable:
            raise Unroutable(unroutable)

    async def consume(self, queue: str, prefetch: int, receive: Receive) -> SqliteConsumer:
        """Deliver messages of a queue; see `Bus`."""
        ordered = self.reader.execute(
            "SELECT ordered FROM queues WHERE name = ?", (queue,)
        ).fetchone()
        lock = self._folder / f"{queue}.lock" if ordered and ordered[0] else None
        consumer = SqliteConsumer(self, queue, prefetch, receive, lock)
        self.consumers.add(consumer)
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        return consumer

    async def ack(self, delivery: Delivery) -> None:
        """Remove a handled message."""
        await self._end(delivery, self._acks.add(delivery.handle))

    async def retry(self, delivery: Delivery, delay: float, cause: str) -> None:
        """Deliver the message again after `delay` seconds."""
        now = self.clock()
        due = now + min(delay, LONGEST_RETRY)
        failures = add_failure(delivery, now, cause)
        ending = self.writer.write(
            messages.end, delivery, self.owner, messages.DELAYED, due, failures
        )
        await self._end(delivery, ending)

    async def dead_letter(self, delivery: Delivery, cause: str) -> None:
        """Move the message to the dead-letter queue."""
        failures = add_failure(delivery, self.clock(), cause)
        if delivery.handle is None:
            await self.writer.write(messages.insert_dead, delivery, failures)
        else:
            ending = self.writer.write(
                messages.end, delivery, self.owner, messages.DEAD, 0.0, failures
            )
            await self._end(delivery, ending)

    async def release(self, delivery: Delivery) -> None:
        """Return the message to its queue."""
        await self._end(delivery, self.writer.write(messages.release, delivery.handle, self.owner))

    async def depth(self, queue: str) -> Depth:
        """Count the messages of a queue."""
        return messages.count(self.reader, queue)

    async def dead_letters(self, queue: str, limit: int) -> list[Delivery]:
        """Return the oldest dead letters of a queue."""
        return messages.dead(self.reader, queue, limit)

    async def replay(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Move dead letters back to their queue."""
        moved = await self.writer.write(messages.replay, queue, ids)
        self.wake()
        return moved

    async def replace(self, queue: str, id: str, body: bytes) -> bool:
        """Replace the body of a dead letter."""
        return await self.writer.write(messages.replace, queue, id, body)

    async def drop(self, queue: str, ids: Sequence[str]) -> list[str]:
        """Delete dead letters."""
        return await self.writer.write(messages.drop, queue, ids)

    @property
    def is_idle(self) -> bool:
        """Whether the consumers of this process have nothing to do until a message arrives."""
        now = self.clock()
        has_due = messages.has_due(self.reader, now, now + LONGEST_RETRY)
        return not has_due and all(consumer.is_idle for consumer in self.consumers)

    def wake(self) -> None:
        """Make the consumers look for messages."""
        for consumer in self.consumers:
            consumer.wake.set()

    async def _end(self, delivery: Delivery, ending: Awaitable[None]) -> None:
        """Await `ending`; meanwhile consumers may claim the next delivery in the same commit."""
        consumers = [each for each in self.consumers if each.queue == delivery.queue]
        for consumer in consumers:
            consumer.begin_end(delivery.handle)
        is_ended = False
        try:
            await ending
            is_ended = True
        finally:
            for consumer in consumers:
                consumer.finish_end(delivery.handle, is_ended)

    async def _watch(self) -> None:
        """Wake the consumers after changes by other processes; handle dead processes."""
        version, polls = None, 0
        while True:
            with suppress(sqlite3.Error):  # the consumers log the error
                now = self.clock()
                (found,) = self.reader.execute("PRAGMA data_version").fetchone()
                if found != version or messages.has_due(self.reader, now, now + LONGEST_RETRY):
                    version = found
                    self.wake()
            for consumer in self.consumers:
                if consumer.waits_for_lock:
                    consumer.wake.set()
            if polls % OWNER_POLLS == 0:
                with suppress(Exception):  # the next check retries
                    await self._take_over()
            polls += 1
            await asyncio.sleep(POLL_SECONDS)

    async def _take_over(self) -> None:
        """Return the messages of dead processes to their queues."""
        for file in self._folder.glob(f"*{OWNER_SUFFIX}"):
            if file.stem == str(self.owner):
                continue
            try:
                lock = _lock(file)
            except BlockingIOError:
                continue
            try:
                await self.writer.write(messages.release_all, [int(file.stem)], attempts=1)
                file.unlink(missing_ok=True)
            finally:
                os.close(lock)
            self.wake()


class SqliteConsumer:
    """Deliver messages of one queue while fewer than `prefetch` are unfinished."""

    def __init__(
        self, bus: SqliteBus, queue: str, prefetch: int, receive: Receive, lock: Path | None
    ) -> None:
        self.queue = queue
        self.wake = asyncio.Event()
        self._bus = bus
        self._prefetch = prefetch
        self._receive = receive
        self.waits_for_lock = lock is not None
        self._lock = lock
        self._held = -1
        self._unfinished: set[int] = set()
        self._ending: set[int] = set()
        self._has_more = False
        self._is_stopped = False
        self._is_waiting = False
        self._task = asyncio.create_task(self._run())

    @property
    def is_idle(self) -> bool:
        """Whether the consumer found no message when last woken and all deliveries have ended."""
        return self._is_waiting and not self.wake.is_set() and not self._unfinished

    def begin_end(self, seq: int) -> None:
        """Exclude a handled delivery from the prefetch limit while its end is being written."""
        if seq in self._unfinished:
            self._ending.add(seq)
            if self._handling <= self._prefetch // 2:
                self.wake.set()

    def finish_end(self, seq: int, is_ended: bool) -> None:
        """Count a delivery as finished, or as unfinished again if writing its end failed."""
        self._ending.discard(seq)
        if is_ended:
            self._unfinished.discard(seq)
            if self._is_stopped and not self._unfinished:
                self._unlock()

    @property
    def _handling(self) -> int:
        return len(self._unfinished) - len(self._ending)

    async def stop(self) -> None:
        """Receive no more deliveries; unlock an ordered queue when all deliveries have ended."""
        self._is_stopped = True
        self.wake.set()
        await asyncio.wait([self._task])
        if not self._unfinished:
            self._unlock()

    def _unlock(self) -> None:
        self._bus.consumers.discard(self)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    async def _run(self) -> None:
        failures = 0
        while not self._is_stopped:
            self.wake.clear()
            try:
                if not await self._claim():
                    self._is_waiting = True
                    await self.wake.wait()
                self._is_waiting = False
                failures = 0
            except Exception as error:  # the file may become usable again
                failures += 1
                log_repeated(LOGGER, failures, error, "Queue %s cannot be read", self.queue)
                await asyncio.sleep(1)

    async def _claim(self) -> bool:
        """Deliver messages; return whether more messages may be ready now."""
        bus, limit = self._bus, self._prefetch - self._handling
        now = bus.clock()
        latest = now + LONGEST_RETRY
        if limit <= 0 or not self._may_consume():
            return False
        if not (
            self._has_more
            or messages.has_ready(bus.reader, self.queue)
            or messages.has_due(bus.reader, now, latest)
        ):
            return False
        found = await bus.writer.write(messages.claim, self.queue, bus.owner, limit, now, latest)
        for delivery in found:
            self._unfinished.add(delivery.handle)
            if self._is_stopped:
                await bus.release(delivery)
            else:
                self._receive(delivery)
        self._has_more = len(found) == limit
        return self._has_more

    def _may_consume(self) -> bool:
        """Lock an ordered queue; return whether this consumer may receive messages."""
        if self._lock is None or self._held >= 0:
            return True
        try:
            self._held = _lock(self._lock)
        except BlockingIOError:
            return False
        self.waits_for_lock = False
        return True


class _Acks:
    """Write the acks of one event-loop iteration together."""

    def __init__(self, writer: GroupCommit, owner: int) -> None:
        self._writer = writer
        self._owner = owner
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def add(self, seq: int) -> asyncio.Future[None]:
        """Remove a delivered message; return a future that is done once this is durable."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._write)
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append((seq, future))
        return future

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        writing = self._writer.write(messages.remove, [seq for seq, _ in waiting], self._owner)
        writing.add_done_callback(lambda written: _settle(waiting, written.exception()))


def _settle(
    waiting: Iterable[tuple[int, asyncio.Future[None]]], error: BaseException | None
) -> None:
    for _, future in waiting:
        if future.done():  # its task was cancelled
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _lock(path: Path) -> int:
    """Create and lock a file; return its descriptor. Raises BlockingIOError if it is locked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def _until(future: asyncio.Future[T], deadline: float) -> T:
    """Return the result of a write. Raises Unavailable at the deadline."""
    timeout = deadline - asyncio.get_running_loop().time()
    done, _ = await asyncio.wait([future], timeout=max(0.0, timeout))
    if not done:
        raise Unavailable("the bus did not answer until the deadline", fix="retry later")
    return future.result()
