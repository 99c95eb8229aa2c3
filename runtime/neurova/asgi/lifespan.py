"""The lifespan of an ASGI app: https://asgi.readthedocs.io/en/latest/specs/lifespan.html."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import LoadError
from ..execution.replies import LOGGER
from ..functions.decorators import AsgiApp

START = 30.0  # seconds that an app may take to start
STOP = 10.0  # seconds that it may take to stop


class Lifespan:
    """Start an app and stop it, in one task; `state` is what it leaves for its calls.

    `place` says in messages whose app it is. An app that knows no lifespan has none.
    """

    __slots__ = ("_answers", "_app", "_asked", "_place", "_serves", "_task", "state")

    def __init__(self, app: AsgiApp, place: str) -> None:
        self._app = app
        self._place = place
        self._serves = False  # it has said that it was started
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.state: dict[str, Any] = {}

    @property
    def started(self) -> bool:
        """Tell whether the app runs and is to be stopped."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Run the start-up. Raises LoadError when it fails or does not end."""
        self._task = asyncio.create_task(self._run(), name=f"lifespan of {self._place}")
        try:
            answer = await self._ask("startup", START)
        except asyncio.CancelledError:
            await self._end()
            raise
        if answer["type"] == "lifespan.startup.failed":
            told = str(answer.get("message", "")).strip().splitlines() or ["it does not say why"]
            raise LoadError(f"{self._place}: the app does not start: {told[-1][:300]}: mend it")
        if answer["type"] == "late":
            self._task.cancel()
            raise LoadError(
                f"{self._place}: the app has not started after {START:g} s: mend its lifespan"
            )

    async def stop(self) -> None:
        """Run the shutdown, if the app was started; what goes wrong is logged."""
        if not self.started:
            return
        answer = await self._ask("shutdown", STOP)
        if answer["type"] in ("late", "lifespan.shutdown.failed"):
            LOGGER.error("%s: the app did not stop in order (%s)", self._place, answer["type"])
        await self._end()

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _ask(self, phase: str, seconds: float) -> dict[str, Any]:
        self._asked.put_nowait({"type": f"lifespan.{phase}"})
        try:
            return await asyncio.wait_for(self._answers.get(), seconds)
        except TimeoutError:
            return {"type": "late"}

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._asked.get, self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a sys.exit must not end the loop that serves all others
            if self._serves:
                LOGGER.error("%s: its lifespan failed", self._place, exc_info=error)
            elif not isinstance(error, Exception):  # which says that the app has no lifespan
                said = f"it ended in {type(error).__name__}"
                self._answers.put_nowait({"type": "lifespan.startup.failed", "message": said})
        finally:
            self._answers.put_nowait({"type": "unknown"})

    async def _send(self, message: Any) -> None:
        self._serves |= message["type"] == "lifespan.startup.complete"
        self._answers.put_nowait(dict(message))
