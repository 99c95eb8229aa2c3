"""The Starlette Request that functions receive."""

from __future__ import annotations

from asyncio import Future, wait
from typing import Any

from starlette.requests import Request


class FunctionRequest(Request):
    """A request with a complete body; `disconnected` is done once the client has disconnected."""

    def __init__(self, scope: dict[str, Any], body: bytes, disconnected: Future[None]) -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await wait((disconnected,))  # `wait` does not cancel the shared future
            return {"type": "http.disconnect"}

        super().__init__(scope, receive)
        self.__disconnected = disconnected

    async def is_disconnected(self) -> bool:
        """Return whether the client has disconnected; unlike Starlette, do not discard the body."""
        return self.__disconnected.done()
