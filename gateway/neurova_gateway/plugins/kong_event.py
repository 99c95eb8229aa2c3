"""One phase of one call in Kong's plugin server, and its messages to Kong.

A phase runs in the thread that reads Kong's connection, so that Kong's answers need no thread
switch. Another thread takes over the connection if Kong sends the next step of this phase on a
different connection, or if the phase hangs.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from .kong_connection import Connection, Rpc
from .pdk import Exit, PdkError, PhaseOver
from .pdk.response import create_reply
from .pdk.values import copy_plain, encode_fields
from .refusal import unavailable

# Kong waits 2 s for each message, so the server must reply earlier.
PHASE_SECONDS = 1.5
# If Kong does not answer for this long, it has given up the call.
STEP_SECONDS = 10.0

RETURNED = "ret"
FAILED = {"Method": "kong.response.exit", "Args": list(unavailable("A plugin failed"))}
_EXIT = "kong.response.exit"
_ENDING = (_EXIT, "kong.response.error")
# For bad arguments of these methods, Kong would answer 500. Check them here, so that they count as
# a plugin fault, as in the embedded gateway.
_CHECKED: dict[str, Callable[..., object]] = {
    _EXIT: create_reply,
    "kong.response.set_headers": encode_fields,
    "kong.service.request.set_headers": encode_fields,
}

Serve = Callable[[Connection, Rpc | None], None]


def write_log(line: str) -> None:
    """Write a line to standard error, which Kong copies to its log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Event:
    """A phase that runs in this thread; `serve` lets another thread read the connection."""

    __slots__ = (
        "_answers", "_is_reader", "_pending", "_serve", "_thread", "connection", "id", "is_late",
        "is_over", "since",
    )  # fmt: skip

    def __init__(self, id: int, connection: Connection, serve: Serve) -> None:
        self.id = id
        self.connection = connection
        self.is_over = False
        self.is_late = False
        self.since = time.monotonic()  # arrival time of the unanswered RPC
        self._is_reader = True  # whether the thread of the phase reads the connection
        self._serve = serve
        self._thread = threading.get_ident()
        # The connection with the unanswered RPC; the thread that pops it sends the answer.
        self._pending = [connection]
        self._answers: SimpleQueue[tuple[Any, str | None]] = SimpleQueue()

    @property
    def reads(self) -> bool:
        """Return whether the thread of the phase still reads the connection."""
        return self._is_reader and not self.is_late

    def call(self, method: str, *args: Any) -> Any:
        """Make a PDK call for the plugin."""
        if self.is_over or threading.get_ident() != self._thread:
            raise PhaseOver("PDK call outside its phase: use `kong` only while the phase runs")
        check = _CHECKED.get(method)
        if check is not None:
            check(*args)
        message = {"Method": method, "Args": copy_plain(args)}
        if method in _ENDING:
            self.end(message)
            raise Exit
        if not self._send(message):
            raise PhaseOver("the phase exceeded its deadline")
        value, error = self._wait()
        if error is not None:
            raise PdkError(f"{method}: {error}")
        return value

    def end(self, message: object) -> None:
        """Send the last message of the phase, unless it was sent already."""
        if not self.is_over:
            self.is_over = True
            self._send(message)

    def put_answer(self, step: Rpc, connection: Connection) -> None:
        """Pass a step from another connection to the thread of the phase."""
        answer = self._begin(step, connection)
        self._answers.put(answer)
        if self._is_reader:
            self.connection.wake()

    def expire(self) -> bool:
        """Answer Kong for a phase that hangs; return whether an RPC was unanswered."""
        try:
            connection = self._pending.pop()
        except IndexError:
            return False
        # From now on `_send` returns False, so the phase can no longer hand over the connection.
        self.is_late = True
        self.is_over = True
        self._reply(connection, FAILED)
        if self._is_reader:
            self._serve(self.connection, None)
        return True

    def _send(self, message: object) -> bool:
        """Answer the unanswered RPC; return False if `expire` has answered it."""
        try:
            connection = self._pending.pop()
        except IndexError:
            self.is_late = True
            return False
        self._reply(connection, message)
        return True

    def _reply(self, connection: Connection, message: object) -> None:
        connection.reply({"Data": message, "EventId": self.id})

    def _wait(self) -> tuple[Any, str | None]:
        while self._is_reader:
            ready = self.connection.wait(STEP_SECONDS)
            if ready is None:
                break
            if not ready:
                with suppress(Empty):  # the wake-up may be for an earlier event
                    return self._answers.get_nowait()
                continue
            rpc = self.connection.receive()
            if rpc is not None and rpc.event == self.id:
                return self._begin(rpc, self.connection)
            self._is_reader = False
            if rpc is None:
                self.connection.close()
            else:
                self._serve(self.connection, rpc)
        try:
            return self._answers.get(timeout=0 if self._is_reader else STEP_SECONDS)
        except Empty:
            self.is_over = True
            raise PhaseOver("Kong has given up this call") from None

    def _begin(self, step: Rpc, connection: Connection) -> tuple[Any, str | None]:
        self.since = time.monotonic()
        self._pending.append(connection)
        data = step.arguments[0].get("Data")
        return (None, str(data)) if step.method == "plugin.StepError" else (data, None)


class Threads:
    """Run functions on reusable threads; a thread that hangs delays no other function."""

    def __init__(self) -> None:
        self._idle: deque[SimpleQueue[Callable[[], None]]] = deque()

    def run(self, function: Callable[[], None]) -> None:
        """Run a function on an idle thread, or on a new thread if none is idle."""
        try:
            jobs = self._idle.pop()
        except IndexError:
            jobs = SimpleQueue()
            threading.Thread(target=self._work, args=(jobs,), daemon=True).start()
        jobs.put(function)

    def _work(self, jobs: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            jobs.get()()
            self._idle.append(jobs)
