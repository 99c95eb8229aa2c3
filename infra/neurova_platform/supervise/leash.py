"""The child's end of what ties it to its supervisor, and how a child begins."""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, Protocol

from neurova.errors import NeurovaError

from .order import Order

DUMP = signal.SIGUSR1
"""The signal at which a child writes down its stacks, whatever its loop does."""
HELD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that wait while a child begins, until it knows what to do with them."""
DRAIN, HURRY = b"d", b"h"
"""What a supervisor says."""
MOST_BEAT = 1.0  # seconds between two beats, at most


class Led(Protocol):
    """What a supervisor leads: a server on an event loop."""

    def drain(self) -> None:
        """Take no more connections, finish those that are, then end."""

    def stop(self) -> None:
        """Finish what is in flight, then end."""

    def hurry(self) -> None:
        """End without waiting for what is in flight."""

    def progress(self) -> int:
        """Return a number that is another one when calls were answered since; thread-safe."""


class Leash:
    """Tell the supervisor how it goes, and do what it says.

    Lines of JSON go up; an empty line is a beat: the event loop has turned, or, where it has so
    much to do that a turn takes long, calls were answered. It stays away when the loop hangs.
    `DRAIN` and `HURRY` come down; the end of the line means that the supervisor has died, and that
    nobody would replace or stop us: we end.
    """

    def __init__(self, pipe: socket.socket, stacks: Connection) -> None:
        self._pipe = pipe
        self._stacks = stacks
        self._every = MOST_BEAT

    def take(self) -> None:
        """Make ready for signals: the supervisor alone decides what a Ctrl-C or a SIGHUP means."""
        # As no-ops, not ignored: what a function starts would inherit that.
        signal.signal(signal.SIGINT, _nothing)
        signal.signal(signal.SIGHUP, _nothing)
        faulthandler.register(DUMP, file=self._stacks.fileno(), all_threads=True)
        faulthandler.enable(file=self._stacks.fileno(), all_threads=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)

    def ready(self, **facts: Any) -> None:
        """Say that we answer, and what may be told of us."""
        self._say({"ready": facts})

    def failed(self, error: NeurovaError) -> None:
        """Say why we cannot start."""
        self._say({"failed": type(error).__name__, "message": str(error)})

    def leaving(self) -> None:
        """Say that we take no more connections, whoever has asked for that."""
        self._offer(b'{"leaving": true}\n')

    def hold(self, led: Led, stuck: float) -> None:
        """Beat on the running loop, and lead `led`; `stuck`: seconds that a loop may hang."""
        loop = asyncio.get_running_loop()
        self._every = min(MOST_BEAT, stuck / 4)
        self._turn(loop)
        listening = threading.Thread(
            target=self._listen, args=(loop, led, stuck), name="leash", daemon=True
        )
        listening.start()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat()
        loop.call_later(self._every, self._turn, loop)

    def _beat(self) -> None:
        self._offer(b"\n")

    def _offer(self, line: bytes) -> None:
        # A supervisor that is stopped must not stop us: what finds no room is left out.
        with suppress(OSError):
            self._pipe.send(line, socket.MSG_DONTWAIT)

    def _listen(self, loop: asyncio.AbstractEventLoop, led: Led, stuck: float) -> None:
        with suppress(RuntimeError):  # the loop has ended: so do we
            while told := self._told(led):
                loop.call_soon_threadsafe(led.hurry if told == HURRY else led.drain)
            ended = threading.Event()
            loop.call_soon_threadsafe(led.stop)
            loop.call_soon_threadsafe(ended.set)
            if not ended.wait(stuck):
                os._exit(1)  # nobody else would end a loop that hangs

    def _told(self, led: Led) -> bytes:
        """Wait to be told something; beat meanwhile for calls that were answered."""
        before = led.progress()
        try:
            while not select.select([self._pipe], [], [], self._every)[0]:
                now = led.progress()
                if now != before:
                    self._beat()
                before = now
            return self._pipe.recv(1)
        except (OSError, ValueError):  # ValueError: it is closed
            return b""

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # it has died, and we are about to hear so
            self._pipe.sendall(json.dumps(message).encode() + b"\n")


def begin(
    target: str, order: Order, listener: socket.socket, pipe: socket.socket, stacks: Connection
) -> None:
    """Be a child: run `target`, "module:function", which takes the order, the socket, the leash."""
    leash = Leash(pipe, stacks)
    leash.take()
    module, _, name = target.partition(":")
    try:
        getattr(importlib.import_module(module), name)(order, listener, leash)
    except NeurovaError as error:
        leash.failed(error)
        sys.exit(1)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Do nothing at a signal."""
