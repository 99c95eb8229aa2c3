"""The lifespan of an ASGI app: https://asgi.readthedocs.io/en/latest/specs/lifespan.html."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..errors import LoadError
from .app import AsgiApp

LOGGER = logging.getLogger("neurova")
START_TIMEOUT = 30.0  # seconds
STOP_TIMEOUT = 10.0  # seconds


class Lifespan:
    """Run the startup and shutdown of an app in one task; pass its `state` to calls.

    `place` names the app in messages. An app without lifespan support is ignored.
    """

    __slots__ = ("_app", "_has_started", "_place", "_received", "_sent", "_task", "state")

    def __init__(self, app: AsgiApp, place: str) -> None:
        self._app = app
        self._place = place
        self._has_started = False
        self._task: asyncio.Task[None] | None = None
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()  # messages to the app
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()  # messages from the app
        self.state: dict[str, Any] = {}

    @property
    def is_running(self) -> bool:
        """Whether the lifespan task is running."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Run the startup. Raises LoadError if it fails or takes too long."""
        self._task = asyncio.create_task(self._run(), name=f"lifespan of {self._place}")
        try:
            message = await self._request("startup", START_TIMEOUT)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        if message["type"] == "lifespan.startup.failed":
            lines = str(message.get("message", "")).strip().splitlines() or ["no reason given"]
            raise LoadError(
                f"startup of the ASGI app failed: {lines[-1][:300]}",
                where=self._place,
                fix="fix its lifespan",
            )
        if message["type"] == "timeout":
            self._task.cancel()
            raise LoadError(
                f"the ASGI app has not started after {START_TIMEOUT:g} s",
                where=self._place,
                fix="fix its lifespan",
            )

    async def stop(self) -> None:
        """Run the shutdown if the lifespan is running; log errors."""
        if not self.is_running:
            return
        message = await self._request("shutdown", STOP_TIMEOUT)
        if message["type"] in ("timeout", "lifespan.shutdown.failed"):
            LOGGER.error("%s: shutdown of the ASGI app failed (%s)", self._place, message["type"])
        await self._cancel()

    async def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _request(self, phase: str, seconds: float) -> dict[str, Any]:
        self._received.put_nowait({"type": f"lifespan.{phase}"})
        try:
            return await asyncio.wait_for(self._sent.get(), seconds)
        except TimeoutError:
            return {"type": "timeout"}

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._received.get, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # SystemExit too: it would stop the event loop
            if self._has_started:
                LOGGER.error("%s: lifespan of the ASGI app failed", self._place, exc_info=error)
            elif not isinstance(error, Exception):  # apps without lifespan support raise Exception
                reason = f"it raised {type(error).__name__}"
                self._sent.put_nowait({"type": "lifespan.startup.failed", "message": reason})
        finally:
            self._sent.put_nowait({"type": "unsupported"})

    async def _send(self, message: Any) -> None:
        self._has_started |= message["type"] == "lifespan.startup.complete"
        self._sent.put_nowait(dict(message))
