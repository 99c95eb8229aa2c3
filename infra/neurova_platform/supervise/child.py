"""A child process, as its supervisor sees it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
from contextlib import suppress
from typing import Any

from uvicorn.supervisors.multiprocess import Process

from .leash import DRAIN, DUMP, HELD, HURRY, begin
from .order import Order

SPAWN = multiprocessing.get_context("spawn")
CHUNK = 1 << 16
MOST_STACK = 1 << 20


class Child(Process):
    """Start a process by spawn, hear what it says, and end it.

    `beat`: when its event loop last showed life; `ready`: what it said when it began to answer,
    None before; `told`: it was told to end; `failure`: the kind and the message of what kept it
    from starting. Times are of the monotonic clock.
    """

    def __init__(self, target: str, order: Order, listener: socket.socket) -> None:
        # Not uvicorn's: its pipe is answered by a thread, also when the event loop hangs.
        self._line, line = socket.socketpair()
        self._stacks, stacks = SPAWN.Pipe(duplex=False)
        self._line.setblocking(False)
        os.set_blocking(self._stacks.fileno(), False)
        self._theirs = (line, stacks)
        self.process = SPAWN.Process(target=begin, args=(target, order, listener, line, stacks))
        self._said = b""
        self._dump = bytearray()
        self._open: list[Any] = [self._line, self._stacks]
        self.began = self.beat = time.monotonic()
        self.since = 0.0  # when it began to answer
        self.ready: dict[str, Any] | None = None
        self.failure: tuple[str, str] | None = None
        self.told = False
        self.left = False  # it takes no more connections
        self.deadline: float | None = None  # when it must have ended
        self.dumped: float | None = None  # when it was asked for its stacks
        self.condemned = False

    def start(self) -> None:
        """Start it; signals wait until it can take them. Raises OSError when there is no room."""
        # A child inherits the mask: Ctrl-C reaches the whole group, also one that just begins.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            self.process.start()
        except BaseException:
            self._line.close()
            self._stacks.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for end in self._theirs:
                end.close()

    @property
    def sources(self) -> list[Any]:
        """Return what `multiprocessing.connection.wait` can wait for."""
        return [self.process.sentinel, *self._open]

    @property
    def gone(self) -> bool:
        """Tell whether the process has ended."""
        return self.process.exitcode is not None

    @property
    def stacks(self) -> str:
        """Return what it has written of its stacks: because it was asked, or died."""
        return self._dump.decode(errors="replace")

    @property
    def fate(self) -> str:
        """Say how it ended."""
        code = self.process.exitcode or 0
        if code >= 0:
            return f"ended with {code}"
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"

    def hear(self) -> None:
        """Take what it has said since."""
        self._dump += self._read(self._stacks)[: max(0, MOST_STACK - len(self._dump))]
        said = self._read(self._line)
        if said:
            self.beat = time.monotonic()
        *lines, self._said = (self._said + said).split(b"\n")
        for line in filter(None, lines):
            with suppress(ValueError, TypeError, KeyError):  # a child may fail in any way
                self._note(json.loads(line))

    def drain(self) -> None:
        """Let it take no more connections, finish those that are, and end."""
        self.told = True
        with suppress(OSError):
            self._line.send(DRAIN)

    def terminate(self) -> None:
        """Let it finish what is in flight, and end."""
        self.told = True
        if self.process.is_alive():
            self.process.terminate()

    def hurry(self) -> None:
        """Let it end without waiting for what is in flight."""
        # No signal: a second SIGTERM may come from who ends all processes of a group.
        with suppress(OSError):
            self._line.send(HURRY)

    def kill(self) -> None:
        """End it."""
        self.condemned = True
        self.process.kill()

    def ask_stacks(self) -> None:
        """Let it write down its stacks; only one that has begun understands that."""
        self.dumped = time.monotonic()
        if not self.gone and self.process.pid:
            os.kill(self.process.pid, DUMP)

    def close(self) -> None:
        """Forget one that has ended."""
        self.process.join()
        self._line.close()
        self._stacks.close()
        self.process.close()

    def _note(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            self.ready, self.since = message["ready"], time.monotonic()
        elif "failed" in message:
            self.failure = (message["failed"], message["message"])
        elif "leaving" in message:
            self.left = True

    def _read(self, source: Any) -> bytes:
        found = b""
        while source in self._open:
            try:
                chunk = os.read(source.fileno(), CHUNK)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                self._open.remove(source)
            found += chunk
        return found
