"""A child process of the supervisor."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from neurova.errors import (
    BindError,
    ConfigError,
    LoadError,
    NeurovaError,
    StateError,
    Unavailable,
)

from .channel import BLOCKED_AT_START, DRAIN, DUMP_STACKS, FORCE_STOP, run_child
from .roles import ChildArguments

SPAWN = multiprocessing.get_context("spawn")
CHUNK = 1 << 16
MAX_STACKS = 1 << 20  # bytes
ERRORS = {
    kind.__name__: kind for kind in (LoadError, BindError, ConfigError, StateError, Unavailable)
}


class Child:
    """Start a process by spawn, read its reports, and stop it.

    `facts`: what the child reported when it became ready, None before. `start_error`: why it could
    not start. `is_stopping`: the supervisor told it to exit. `is_draining`: it accepts no more
    connections. All times come from the monotonic clock.
    """

    def __init__(
        self, target: str, arguments: ChildArguments, listener: socket.socket | None
    ) -> None:
        self._pipe, child_pipe = socket.socketpair()
        self._stacks_pipe, child_stacks = SPAWN.Pipe(duplex=False)
        self._pipe.setblocking(False)
        os.set_blocking(self._stacks_pipe.fileno(), False)
        self._child_ends = (child_pipe, child_stacks)
        self._process = SPAWN.Process(
            target=run_child, args=(target, arguments, listener, child_pipe, child_stacks)
        )
        self._open: list[socket.socket | Connection] = [self._pipe, self._stacks_pipe]
        self._partial_line = b""
        self._stacks = bytearray()
        self.started_at = self.last_heartbeat = time.monotonic()
        self.ready_at = 0.0
        self.facts: dict[str, Any] | None = None
        self.start_error: NeurovaError | None = None
        self.is_stopping = False
        self.is_draining = False
        self.was_killed = False
        self.exit_deadline: float | None = None
        self.stacks_requested_at: float | None = None

    def start(self) -> None:
        """Start the process. Raises OSError if the system lacks resources."""
        # Block signals that may reach the child before it installs its handlers, such as Ctrl-C: it
        # inherits this mask.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_AT_START)
        try:
            self._process.start()
        except BaseException:
            self._pipe.close()
            self._stacks_pipe.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for end in self._child_ends:
                end.close()

    @property
    def pid(self) -> int | None:
        """Return the process id, None before the start."""
        return self._process.pid

    @property
    def wait_sources(self) -> list[Any]:
        """Return the objects to pass to `multiprocessing.connection.wait`."""
        return [self._process.sentinel, *self._open]

    @property
    def has_exited(self) -> bool:
        """Return whether the process has exited."""
        return self._process.exitcode is not None

    @property
    def stacks(self) -> str:
        """Return the stacks that faulthandler wrote on request or after a crash."""
        return self._stacks.decode(errors="replace")

    def describe_exit(self) -> str:
        """Describe how the process ended."""
        code = self._process.exitcode or 0
        if code >= 0:
            return f"exited with code {code}"
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"

    def read_reports(self) -> None:
        """Read the reports that the child has sent since the last call."""
        self._stacks += self._read(self._stacks_pipe)[: max(0, MAX_STACKS - len(self._stacks))]
        received = self._read(self._pipe)
        if received:
            self.last_heartbeat = time.monotonic()
        *lines, self._partial_line = (self._partial_line + received).split(b"\n")
        for line in filter(None, lines):
            with suppress(ValueError, TypeError, KeyError):  # a faulty child may send anything
                self._handle_report(json.loads(line))

    def drain(self) -> None:
        """Tell the child to accept no more connections, finish the open ones, and exit."""
        self._send_command(DRAIN)
        self.is_stopping = True

    def terminate(self) -> None:
        """Tell the child to finish the calls in flight and exit."""
        self.is_stopping = True
        if self._process.is_alive():
            self._process.terminate()

    def force_stop(self) -> None:
        """Tell the child to exit without waiting for calls in flight."""
        # Do not use a second SIGTERM as this command, because a service manager may send SIGTERM to
        # the whole process group.
        self._send_command(FORCE_STOP)

    def kill(self) -> None:
        """Kill the process."""
        self.was_killed = True
        self._process.kill()

    def request_stacks(self) -> None:
        """Make faulthandler write the stacks of the child's threads."""
        self.stacks_requested_at = time.monotonic()
        if not self.has_exited and self._process.pid:
            os.kill(self._process.pid, DUMP_STACKS)

    def close(self) -> None:
        """Release the resources of an exited process."""
        self._process.join()
        self._pipe.close()
        self._stacks_pipe.close()
        self._process.close()

    def _send_command(self, command: bytes) -> None:
        with suppress(OSError):
            self._pipe.send(command)

    def _handle_report(self, message: dict[str, Any]) -> None:
        if "ready" in message:
            self.facts, self.ready_at = message["ready"], time.monotonic()
        elif "failed" in message:
            kind = next(
                (ERRORS[name] for name in message["failed"] if name in ERRORS), NeurovaError
            )
            self.start_error = kind(message["what"], where=message["where"], fix=message["fix"])
        elif "draining" in message:
            self.is_draining = True

    def _read(self, source: socket.socket | Connection) -> bytes:
        received = b""
        while source in self._open:
            try:
                chunk = os.read(source.fileno(), CHUNK)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                self._open.remove(source)
            received += chunk
        return received
