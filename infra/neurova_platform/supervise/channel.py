"""The entry point of a child process, and its channel to the supervisor."""

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
from typing import Any

from neurova.errors import NeurovaError

from ..crash import mask_tracebacks
from ..serving.managed import ManagedServer
from .roles import ChildArguments

DUMP_STACKS = signal.SIGUSR1
BLOCKED_AT_START = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that stay pending until the child has installed its handlers."""
DRAIN, FORCE_STOP = b"d", b"h"
"""Commands of the supervisor."""
MAX_HEARTBEAT_INTERVAL = 1.0  # seconds


class WorkerChannel:
    """Report the state of this process to the supervisor and follow its commands.

    The child sends lines of JSON. An empty line is a heartbeat: the event loop is running, or calls
    have completed during a long iteration. A blocked loop sends no heartbeat. The supervisor sends
    `DRAIN` and `FORCE_STOP`. EOF means that the supervisor has died; the child then stops too.
    """

    def __init__(self, pipe: socket.socket, stacks: Connection) -> None:
        self._pipe = pipe
        self._stacks = stacks
        self._interval = MAX_HEARTBEAT_INTERVAL

    def install_signal_handlers(self) -> None:
        """Ignore Ctrl-C and SIGHUP, which the supervisor handles, and write stacks on request."""
        # Use no-op handlers instead of SIG_IGN, which subprocesses of functions would inherit.
        signal.signal(signal.SIGINT, _ignore)
        signal.signal(signal.SIGHUP, _ignore)
        faulthandler.register(DUMP_STACKS, file=self._stacks.fileno(), all_threads=True)
        faulthandler.enable(file=self._stacks.fileno(), all_threads=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED_AT_START)

    def report_ready(self, **facts: Any) -> None:
        """Report that this process is ready; `facts` appear in the `started` event."""
        self._send({"ready": facts})

    def report_failure(self, error: NeurovaError) -> None:
        """Report why this process cannot start."""
        self._send(
            {
                "failed": [kind.__name__ for kind in type(error).__mro__],
                "what": error.what,
                "where": error.where,
                "fix": error.fix,
            }
        )

    def report_draining(self) -> None:
        """Report that this process accepts no more connections."""
        self._send_if_possible(b'{"draining": true}\n')

    def attach(self, server: ManagedServer, stuck: float) -> None:
        """Send heartbeats from the running loop and forward commands to `server`.

        `stuck`: how many seconds the loop may be blocked before this process is killed.
        """
        loop = asyncio.get_running_loop()
        self._interval = min(MAX_HEARTBEAT_INTERVAL, stuck / 4)
        self._beat_on(loop)
        threading.Thread(
            target=self._follow_commands, args=(loop, server, stuck), name="channel", daemon=True
        ).start()

    async def wait_for_stop(self, stuck: float, **facts: Any) -> None:
        """Report readiness, then wait for a command to stop, SIGTERM or the supervisor's death.

        Use this in roles that have no calls to finish. The caller cleans up afterwards.
        """
        stop = _StopRequest(self)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.stop)
        self.attach(stop, stuck)
        self.report_ready(**facts)
        await stop.requested.wait()

    def _beat_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._send_heartbeat()
        loop.call_later(self._interval, self._beat_on, loop)

    def _send_heartbeat(self) -> None:
        self._send_if_possible(b"\n")

    def _send_if_possible(self, line: bytes) -> None:
        # Drop the line if the buffer is full: a suspended supervisor must not block its workers.
        with suppress(OSError):
            self._pipe.send(line, socket.MSG_DONTWAIT)

    def _follow_commands(
        self, loop: asyncio.AbstractEventLoop, server: ManagedServer, stuck: float
    ) -> None:
        with suppress(RuntimeError):  # the event loop is closed: the process is about to exit
            while command := self._receive_command(server):
                loop.call_soon_threadsafe(
                    server.force_stop if command == FORCE_STOP else server.drain
                )
            reached = threading.Event()
            loop.call_soon_threadsafe(server.stop)
            loop.call_soon_threadsafe(reached.set)
            if not reached.wait(stuck):
                os._exit(1)  # the event loop is blocked, and no supervisor can kill this process

    def _receive_command(self, server: ManagedServer) -> bytes:
        """Wait for a command and send heartbeats while calls complete; return b"" at EOF."""
        before = server.count_completed()
        try:
            while not select.select([self._pipe], [], [], self._interval)[0]:
                now = server.count_completed()
                if now != before:
                    self._send_heartbeat()
                before = now
            return self._pipe.recv(1)
        except (OSError, ValueError):  # ValueError: the socket is closed
            return b""

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(OSError):  # the supervisor has died, which `_follow_commands` handles
            self._pipe.sendall(json.dumps(message).encode() + b"\n")


class _StopRequest:
    """A `ManagedServer` without calls: every command stops it."""

    def __init__(self, channel: WorkerChannel) -> None:
        self.requested = asyncio.Event()
        self._channel = channel

    def stop(self) -> None:
        self._channel.report_draining()
        self.requested.set()

    drain = force_stop = stop

    def count_completed(self) -> int:
        return 0


def run_child(
    target: str,
    arguments: ChildArguments,
    listener: socket.socket | None,
    pipe: socket.socket,
    stacks: Connection,
) -> None:
    """Call `target`, "module:function", in a child process; exit with 1 if it cannot start."""
    mask_tracebacks()
    channel = WorkerChannel(pipe, stacks)
    channel.install_signal_handlers()
    if listener is not None:
        listener.set_inheritable(False)  # a subprocess of a function must not keep it open
    module, _, name = target.partition(":")
    try:
        getattr(importlib.import_module(module), name)(arguments, listener, channel)
    except NeurovaError as error:
        channel.report_failure(error)
        sys.exit(1)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Ignore a signal."""
