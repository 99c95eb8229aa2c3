"""An app is started before it is called, and stopped after."""

import asyncio
from typing import Any

import pytest

from neurova.asgi import lifespan
from neurova.asgi.lifespan import Lifespan
from neurova.errors import LoadError


class App:
    """An app that answers start-up and shutdown as it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"
        scope["state"]["opened"] = True
        for answer in self.answers:
            self.seen.append((await receive())["type"])
            if isinstance(answer, BaseException):
                raise answer
            if answer is None:
                await asyncio.Event().wait()
            await send(answer)


COMPLETE = {"type": "lifespan.startup.complete"}
FAILED = {"type": "lifespan.startup.failed", "message": "Traceback\nOSError: no disk\n"}
DONE = {"type": "lifespan.shutdown.complete"}


def test_an_app_is_started_and_stopped_and_leaves_its_state() -> None:
    app = App(COMPLETE, DONE)

    async def test() -> None:
        life = Lifespan(app, "here")
        await life.start()
        assert life.started
        assert life.state == {"opened": True}
        await life.stop()
        assert not life.started
        await life.stop()

    asyncio.run(test())
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]


def test_an_app_that_does_not_start_says_why_and_where() -> None:
    life = Lifespan(App(FAILED), "functions/shop/legacy.py:3: legacy")
    with pytest.raises(LoadError) as caught:
        asyncio.run(life.start())
    assert str(caught.value) == (
        "functions/shop/legacy.py:3: legacy: the app does not start: OSError: no disk: mend it"
    )


def test_an_app_that_exits_ends_nobody_else(caplog: Any) -> None:
    async def test() -> None:
        with pytest.raises(LoadError, match="does not start: it ended in SystemExit: mend it"):
            await Lifespan(App(SystemExit(3)), "here").start()
        life = Lifespan(App(COMPLETE, SystemExit(3)), "here")
        await life.start()
        await life.stop()
        assert not life.started

    asyncio.run(test())
    assert "here: its lifespan failed" in caplog.text


def test_an_app_that_never_starts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifespan, "START", 0.01)
    with pytest.raises(LoadError, match=r"has not started after 0\.01 s"):
        asyncio.run(Lifespan(App(None), "here").start())


@pytest.mark.parametrize("answers", [(), (ValueError(),)])
def test_an_app_that_knows_no_lifespan_has_none(answers: Any) -> None:
    async def test() -> None:
        life = Lifespan(App(*answers), "here")
        await life.start()
        assert not life.started
        await life.stop()

    asyncio.run(test())


def test_an_app_whose_lifespan_fails_after_its_start_is_told_in_the_log(caplog: Any) -> None:
    async def test() -> None:
        life = Lifespan(App(COMPLETE, OSError("the pool is gone")), "here")
        await life.start()
        await life.stop()

    asyncio.run(test())
    assert "here: its lifespan failed" in caplog.text
    assert "the pool is gone" in caplog.text


@pytest.mark.parametrize("answer", [None, {"type": "lifespan.shutdown.failed"}])
def test_an_app_that_does_not_stop_is_logged_and_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: Any, answer: Any
) -> None:
    monkeypatch.setattr(lifespan, "STOP", 0.01)

    async def test() -> None:
        life = Lifespan(App(COMPLETE, answer), "here")
        await life.start()
        await life.stop()
        assert not life.started

    asyncio.run(test())
    assert "did not stop in order" in caplog.text
