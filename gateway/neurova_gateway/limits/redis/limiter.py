"""The Redis limiter; while Redis is down, each node admits its share of every limit."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from greenlet import getcurrent

from neurova.errors import StateError, Unavailable

from ..base import Bucket, Decision, Usage
from ..table import LimitTable
from . import script
from .client import RedisClient
from .outage import Outage
from .pipe import Pipe
from .url import RedisUrl

logger = logging.getLogger("neurova.gateway")
TIMEOUT = 0.05  # seconds; maximum wait of a call
START_TIMEOUT = 1.0
HEARTBEAT_SECONDS = 0.5
RETRY_SECONDS = 0.2
NODE_SECONDS = 10  # a node without a heartbeat for this long gets no share
NODES = "nv:limits:nodes"
_REGISTER = """
local now = redis.call('TIME')[1]
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
local names = redis.call('ZRANGE', KEYS[1], 0, -1)
table.sort(names)
for rank, name in ipairs(names) do
  if name == ARGV[1] then return {rank - 1, #names} end
end
"""


class RedisLimiter:
    """Count calls in Redis for all nodes; a node is the set of processes that share `folder`.

    After `connect`, `admit` suspends its greenlet while it waits on the event loop. In any other
    thread, `admit` blocks. A call waits at most `timeout` seconds. After a timeout, this node
    admits its share of each limit until Redis responds again; the calls admitted meanwhile are then
    added to the counts in Redis. `clock`: microseconds, None for Redis's clock.

    Raises StateError if Redis does not respond at the start.
    """

    waits = True

    def __init__(
        self,
        url: RedisUrl,
        folder: Path,
        clock: Callable[[], int] | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.url = url
        self._clock = clock
        self._timeout = timeout
        self._table = LimitTable(folder / "limits.outage.table")
        self.outage = Outage(self._table)
        self._node = _read_node(folder)
        self._is_up = False
        self._pipe: Pipe | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client = RedisClient(url, timeout)
        self._wake = threading.Event()
        self._is_closed = False
        starting = RedisClient(url, START_TIMEOUT)
        try:
            self._beat(starting)
        except Unavailable as error:
            self._table.close()
            raise StateError(
                error.what,
                where=error.where,
                fix="start Redis, or fix gateway.limits; REDISCLI_AUTH may hold its password",
            ) from None
        finally:
            starting.close()
        self._is_up = True
        self._thread = threading.Thread(target=self._watch, name="limits", daemon=True)
        self._thread.start()

    async def connect(self) -> None:
        """Open a connection for calls on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._pipe = Pipe(self.url, self._timeout)
        with suppress(Unavailable):  # the `limits` thread tries again
            await self._pipe.open()

    def admit(self, buckets: Sequence[Bucket], cost: int = 1) -> Decision:
        """Charge `cost` to all buckets, or to none if any of them is full.

        Raises Unavailable when the call cannot be counted; ValueError for a cost below 1.
        """
        if cost < 1:
            raise ValueError(f"cost {cost!r}: give 1 or more")
        if self._is_closed:
            raise Unavailable("the rate limiter is closed", where=str(self.url))
        if not buckets:
            return Decision(True, (), (), 0)
        if self._is_up:
            try:
                answer = self._run(script.arguments(buckets, script.ADMIT, cost, self._now()))
                return script.decision(answer, buckets)
            except Unavailable as error:
                self._mark_down(error)
        with self.outage.lock:
            return self.outage.admit(buckets, cost)

    def usage(self, buckets: Sequence[Bucket]) -> tuple[Usage, ...]:
        """Return the state of buckets without charging them. Raises Unavailable."""
        if not buckets:
            return ()
        words = script.arguments(buckets, script.USAGE, 0, self._now())
        return script.usages(self._run_blocking(words))

    @property
    def is_up(self) -> bool:
        """Return whether Redis decides calls; if not, this node admits its share."""
        return self._is_up

    def close(self) -> None:
        """Close the connections."""
        if self._is_closed:
            return
        self._is_closed = True
        self._is_up = False
        self._wake.set()
        self._thread.join()
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()
        self._client.close()
        self._table.close()

    def _now(self) -> int | None:
        return None if self._clock is None else self._clock()

    def _run(self, words: list[script.Word]) -> Sequence[int]:
        pipe, current = self._pipe, getcurrent()
        if pipe is None or current.parent is None:
            return self._run_blocking(words)
        future = pipe.send("EVALSHA", script.SHA, *words)
        current.parent.switch(future)  # the event loop switches back when the future is done
        answer: Sequence[int] = future.result()
        return answer

    def _run_blocking(self, words: list[script.Word]) -> Sequence[int]:
        answer: Sequence[int] = self._client.run_script(script.SCRIPT, script.SHA, *words)
        return answer

    def _mark_down(self, error: Exception) -> None:
        if self._is_up:
            self._is_up = False
            logger.error(
                "Redis does not answer (%s): this node admits 1/%d of each limit",
                error,
                self.outage.nodes,
            )
            self._wake.set()

    # The methods below run in the `limits` thread, except for the first heartbeat.

    def _watch(self) -> None:
        while not self._is_closed:
            self._wake.wait(HEARTBEAT_SECONDS if self._is_up else RETRY_SECONDS)
            self._wake.clear()
            if self._is_closed:
                return
            try:
                self._beat(self._client)
                if not self._is_up:
                    self._resume()
            except Unavailable as error:
                self._mark_down(error)

    def _beat(self, client: RedisClient) -> None:
        """Renew the registration of this node and read its rank among all nodes."""
        rank, nodes = client.run("EVAL", _REGISTER, 1, NODES, self._node, NODE_SECONDS)
        self.outage.rank, self.outage.nodes = rank, nodes

    def _resume(self) -> None:
        """Reconnect, add the calls admitted during the outage, then let Redis decide again."""
        if self._loop is not None and self._pipe is not None and not self._pipe.is_open:
            opening = asyncio.run_coroutine_threadsafe(self._pipe.open(), self._loop)
            try:
                opening.result(2)
            except TimeoutError:
                opening.cancel()
                return
        while True:
            with self.outage.lock:
                admitted = self.outage.take()
                if not admitted:
                    self._is_up = True
                    break
            added = 0
            try:
                for bucket, cost in admitted.items():
                    self._run_blocking(script.arguments([bucket], script.ADD, cost, self._now()))
                    added += 1
            finally:
                rest = list(admitted.items())[added:]
                if rest:
                    with self.outage.lock:
                        self.outage.put_back(type(admitted)(dict(rest)))
        logger.warning("Redis answers again: it decides all limits")


def check_redis(url: RedisUrl) -> str:
    """Return a one-line status of Redis for `neurova doctor`. Raises StateError."""
    client = RedisClient(url, 1.0)
    try:
        lines = client.run("INFO", "server").decode().splitlines()
        nodes = client.run("ZCARD", NODES)
    except Unavailable as error:
        fix = "start Redis, or fix gateway.limits"
        raise StateError(error.what, where=error.where, fix=fix) from None
    finally:
        client.close()
    version = dict(line.split(":", 1) for line in lines if ":" in line)["redis_version"]
    return f"{url}: Redis {version}, {nodes} nodes"


def _read_node(folder: Path) -> str:
    """Return the id of this node, which all its processes read from `folder`."""
    file = folder / "node.id"
    if not file.exists():
        new = folder / f"node.{secrets.token_hex(8)}"
        new.write_text(secrets.token_hex(8))
        with suppress(FileExistsError):
            os.link(new, file)  # atomic, so that processes that start together read the same id
        new.unlink()
    return file.read_text()
