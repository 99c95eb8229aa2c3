"""An app starts before its first call and stops after its last."""

import asyncio
from typing import Any

import pytest

from neurova.asgi import lifespan
from neurova.asgi.lifespan import Lifespan
from neurova.errors import LoadError

COMPLETE = {"type": "lifespan.startup.complete"}
FAILED = {"type": "lifespan.startup.failed", "message": "Traceback\nOSError: no disk\n"}
STOPPED = {"type": "lifespan.shutdown.complete"}
PLACE = "functions/shop/legacy.py:3: legacy"


class App:
    """Send the given messages on startup and shutdown; raise an exception, or hang on None."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.received: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        scope["state"]["opened"] = True
        for answer in self.answers:
            self.received.append((await receive())["type"])
            if isinstance(answer, BaseException):
                raise answer
            if answer is None:
                await asyncio.Event().wait()
            await send(answer)


async def test_app_is_started_stopped_and_keeps_its_state() -> None:
    app = App(COMPLETE, STOPPED)
    life = Lifespan(app, PLACE)
    await life.start()
    assert life.is_running
    assert life.state == {"opened": True}
    await life.stop()
    await life.stop()
    assert not life.is_running
    assert app.received == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (FAILED, "startup of the ASGI app failed: OSError: no disk: fix its lifespan"),
        (SystemExit(3), "startup of the ASGI app failed: it raised SystemExit: fix its lifespan"),
        (None, "the ASGI app has not started after 0.01 s: fix its lifespan"),
    ],
)
async def test_failed_startup_raises_load_error(
    monkeypatch: pytest.MonkeyPatch, answer: Any, message: str
) -> None:
    if answer is None:
        monkeypatch.setattr(lifespan, "START_TIMEOUT", 0.01)
    with pytest.raises(LoadError) as caught:
        await Lifespan(App(answer), PLACE).start()
    assert str(caught.value) == f"{PLACE}: {message}"


@pytest.mark.parametrize("answers", [(), (ValueError(),)])
async def test_app_without_lifespan_is_served(answers: Any) -> None:
    life = Lifespan(App(*answers), PLACE)
    await life.start()
    assert not life.is_running
    await life.stop()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (OSError("pool closed"), "OSError"),
        (SystemExit(3), "SystemExit"),
        (None, "shutdown of the ASGI app failed"),
        ({"type": "lifespan.shutdown.failed"}, "shutdown of the ASGI app failed"),
    ],
)
async def test_failure_after_startup_is_logged_and_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: Any, answer: Any, cause: str
) -> None:
    monkeypatch.setattr(lifespan, "STOP_TIMEOUT", 0.01)
    life = Lifespan(App(COMPLETE, answer), PLACE)
    await life.start()
    await life.stop()
    assert not life.is_running
    assert f"{PLACE}: " in caplog.text
    assert cause in caplog.text
