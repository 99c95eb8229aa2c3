"""The interfaces between a server and its supervisor."""

from __future__ import annotations

from typing import Protocol


class ManagedServer(Protocol):
    """A server on an event loop, which a supervisor controls."""

    def drain(self) -> None:
        """Accept no more connections, finish the open ones, then exit."""

    def stop(self) -> None:
        """Finish the calls in flight, then exit."""

    def force_stop(self) -> None:
        """Exit without waiting for calls in flight."""

    def count_completed(self) -> int:
        """Return a number that changes when calls complete; thread-safe."""


class SupervisorChannel(Protocol):
    """The connection of a supervised process to its supervisor."""

    def attach(self, server: ManagedServer, stuck: float) -> None:
        """Send heartbeats from the running loop and forward commands to `server`.

        `stuck`: seconds without a heartbeat after which the supervisor replaces the process.
        """

    def report_draining(self) -> None:
        """Tell the supervisor that this process accepts no more connections."""
